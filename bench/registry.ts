/**
 * `make bench-registry`: images in the registries of others.
 *
 *     [SERIES=DIR] [BIG=DIR] [REGISTRIES=docker-registry,zot,crane] [BENCH_DIR=DIR] node bench/registry.ts CACHE
 *
 * Successive versions of a root directory (SERIES has v1, v2 …; without it those of `make bench`) are pushed, each with the one before as
 * base, and pulled into one layout; the last one also into an empty layout. A large tree (BIG) is pushed and pulled
 * beside skopeo, which copies the same tree as an image with one layer (tar and zstd) both ways. Requests and bytes are
 * those of a relay in front of the registry.
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Layout, MANIFEST_TYPE, referencedBlobs } from "@puzzlefs/oci";
import { openImageAt } from "@puzzlefs/reader";
import { REGISTRIES, type RunningRegistry, startRegistry, type Traffic } from "./registries.ts";
import { givenSeries, makeSeries } from "./store-series.ts";

const cache = resolve(process.argv[2] ?? ".");
const { SERIES, BIG, BENCH_DIR = tmpdir(), REGISTRIES: chosen } = process.env;
const program = resolve(import.meta.dirname, "../packages/cli/bin/puzzlefs");
const scratch = mkdtempSync(join(BENCH_DIR, "puzzlefs-bench-registry-"));
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(2);
const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** Runs a command beside the relay's event loop. Throws if it fails. */
async function run(command: string, ...args: string[]): Promise<{ stdout: string; seconds: number }> {
  const start = performance.now();
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (piece: Buffer) => (stdout += piece.toString()));
  child.stderr.on("data", (piece: Buffer) => (stderr += piece.toString()));
  const code = await new Promise((done) => child.once("close", done));
  if (code !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr}`);
  return { stdout, seconds: (performance.now() - start) / 1000 };
}

/** Stored sizes of an image's chunks, by digest. */
function chunksOf(store: string, tag: string): Map<string, number> {
  using layout = Layout.open(store);
  const [, ...chunks] = JSON.parse(layout.manifest(tag).bytes.toString()).layers as { digest: string; size: number }[];
  return new Map(chunks.map(({ digest, size }) => [digest, size]));
}

const sum = (sizes: Iterable<number>): number => [...sizes].reduce((total, size) => total + size, 0);

/** That of the image's canonical form, whatever it is stored as. */
function identityOf(store: string, tag: string): string {
  using tree = openImageAt(store, tag);
  return tree.manifestDigest;
}

async function measureSeries(name: string, registry: RunningRegistry, store: string, tags: string[]): Promise<void> {
  const copy = join(scratch, `${name}-copy`);
  print(`\n### ${name}: ${tags.length} versions\n`);
  print(
    "| version | image, MB | needed, MB | pushed, MB | requests | blobs | manifest, bytes | pulled, MB | of needed | requests |",
  );
  print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
  let known = new Map<string, number>();
  for (const [index, tag] of tags.entries()) {
    const there = `${registry.host}/app:${tag}`;
    const base = index === 0 ? [] : ["--base", `${registry.host}/app:${tags[index - 1]}`];
    registry.traffic();
    await run(program, "push", "--plain-http", `${store}:${tag}`, there, ...base);
    const push = registry.traffic();
    await run(program, "pull", "--plain-http", there, copy);
    const pull = registry.traffic();
    const url = `http://${registry.host}/v2/app/manifests/${tag}`;
    const answer = await fetch(url, { headers: { accept: MANIFEST_TYPE } });
    if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
    const manifest = Buffer.from(await answer.arrayBuffer());
    const blobs = [...referencedBlobs(manifest, tag)].length;
    const chunks = chunksOf(store, tag);
    const needed = sum([...chunks].flatMap(([digest, size]) => (known.has(digest) ? [] : [size])));
    if (identityOf(copy, tag) !== identityOf(store, tag)) throw new Error(`${tag} is another image`);
    print(
      `| ${tag} | ${megabytes(sum(chunks.values()))} | ${megabytes(needed)} | ${megabytes(push.sent)} | ${push.requests} | ${blobs} | ${manifest.length} ` +
        `| ${megabytes(pull.received)} | ${(pull.received / needed).toFixed(3)} | ${pull.requests} |`,
    );
    known = new Map([...known, ...chunks]);
  }
  const last = tags.at(-1) ?? "";
  registry.traffic();
  await run(program, "pull", "--plain-http", `${registry.host}/app:${last}`, join(scratch, `${name}-cold`));
  const { received, requests } = registry.traffic();
  const size = sum(chunksOf(store, last).values());
  print(
    `\n${last} into an empty layout: ${megabytes(received)} MB, ${(received / size).toFixed(3)} of its chunks, ${requests} requests`,
  );
  await run(program, "verify", copy);
  rmSync(copy, { recursive: true });
}

async function measureBig(name: string, registry: RunningRegistry, store: string): Promise<void> {
  print(`\n### ${name}: a large image\n`);
  print("| | seconds | MB | requests |\n| --- | ---: | ---: | ---: |");
  const row = async (what: string, bytes: keyof Traffic, work: () => Promise<{ seconds: number }>): Promise<void> => {
    registry.traffic();
    const { seconds } = await work();
    const traffic = registry.traffic();
    print(`| ${what} | ${seconds.toFixed(1)} | ${megabytes(traffic[bytes])} | ${traffic.requests} |`);
  };
  const copies = [join(scratch, `${name}-big`), join(scratch, `${name}-big-oci`)] as const;
  const there = `${registry.host}/big:v1`;
  const ordinary = `docker://${registry.host}/ordinary:v1`;
  await row("puzzlefs push", "sent", () => run(program, "push", "--plain-http", `${store}:big`, there));
  await row("skopeo copy, to the registry", "sent", () =>
    run("skopeo", "copy", "-q", "--dest-tls-verify=false", `oci:${store}-oci:big`, ordinary),
  );
  await row("puzzlefs pull", "received", () => run(program, "pull", "--plain-http", there, `${copies[0]}:big`));
  await row("skopeo copy, from the registry", "received", () =>
    run("skopeo", "copy", "-q", "--src-tls-verify=false", ordinary, `oci:${copies[1]}:big`),
  );
  if (identityOf(copies[0], "big") !== identityOf(store, "big")) throw new Error("another image");
  await run(program, "verify", copies[0]);
  for (const copy of copies) rmSync(copy, { recursive: true });
}

try {
  const store = join(scratch, "store");
  const series =
    SERIES === undefined
      ? makeSeries(join(cache, "trees/debian-bookworm"), join(cache, "trees/recipes/root"), join(scratch, "series"))
      : givenSeries(resolve(SERIES));
  const tags = series.map((_, index) => `v${index + 1}`);
  for (const [index, rootfs] of series.entries())
    await run(program, "build", "--compression", rootfs, `${store}:${tags[index]}`);
  if (BIG !== undefined) {
    const { seconds } = await run(program, "build", "--compression", resolve(BIG), `${store}:big`);
    const ordinary = ["--layer", `${store}-oci:big`, "--layer-compression", "zstd"];
    const exported = await run(program, "export", ...ordinary, `${store}:big`);
    print(`\nlarge image: built in ${seconds.toFixed(0)} s, exported in ${exported.seconds.toFixed(0)} s`);
  }
  for (const name of chosen?.split(",") ?? REGISTRIES) {
    const directory = join(scratch, name);
    mkdirSync(directory);
    using registry = await startRegistry(name, cache, directory);
    if (registry === undefined) {
      print(`\n${name}: not there`);
      continue;
    }
    await measureSeries(name, registry, store, tags);
    if (BIG !== undefined) await measureBig(name, registry, store);
    rmSync(directory, { recursive: true });
  }
} finally {
  rmSync(scratch, { recursive: true });
}
