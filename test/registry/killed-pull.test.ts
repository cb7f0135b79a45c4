/** `puzzlefs pull` is killed at random moments, again and again: nothing wrong stays, and what had arrived is not requested again. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { Layout } from "@puzzlefs/oci";
import { push } from "@puzzlefs/transport";
import { noise, Random } from "@puzzlefs/testing";
import test, { type ExecutionContext } from "ava";
import { Client } from "../../packages/registry/src/client-fixture.ts";
import { TestRegistry } from "../../packages/registry/src/test-registry-fixture.ts";
import { buildTo, checkBlobs, dumpOf, identityOf, problemsOf } from "../../packages/transport/src/transport-fixture.ts";
import { run, start } from "../lazy/lazy-fixture.ts";
import { puzzlefs } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";

const PIECE = 128 << 10;
const MOST_KILLS = 3;

const scratch = new Scratch();
const origin = scratch.fresh("origin");
const random = new Random();
let registry: TestRegistry;
/** The packs of the image, by digest, and where its chunks are in them. */
const packs = new Map<string, Buffer>();
const chunks: { pack: string; start: number; bytes: Buffer; digest: string }[] = [];
const requested: { pack: string; start: number; end: number }[] = [];
/** Pieces of packs that are still sent before `kill` is called. */
let left = Infinity;
let kill: () => void = () => {};

test.before(async () => {
  registry = await TestRegistry.start();
  const tree = scratch.directory("tree");
  using client = new Client();
  for (const [tag, files] of Object.entries({ v1: 40, v2: 60 })) {
    for (let file = 0; file < files; file++) writeFileSync(join(tree, `${file}`), noise(`killed ${file}`, 300_000));
    await buildTo(tree, origin, tag);
    const bases = tag === "v1" ? [] : [{ repository: client.open(registry, "a/b:v1") }];
    await push({ ociDir: origin, reference: tag, target: client.open(registry, `a/b:${tag}`, "push"), bases });
  }
  interface Manifest {
    layers: { digest: string; mediaType: string }[];
  }
  const pushed = JSON.parse(registry.manifests.get("a/b@v2")?.bytes.toString() ?? "") as Manifest;
  for (const { digest, mediaType } of pushed.layers) {
    const bytes = registry.blobs.get(`a/b@${digest}`);
    if (mediaType.endsWith(".pack.v1") && bytes !== undefined) packs.set(digest.slice(7), bytes);
  }
  using layout = Layout.open(origin);
  const canonical = JSON.parse(layout.manifest("v2").bytes.toString()) as Manifest;
  for (const { digest } of canonical.layers.slice(1)) {
    const bytes = layout.blobs.read(digest.slice(7), 1 << 30);
    for (const [pack, content] of packs) {
      const at = content.indexOf(bytes);
      if (at >= 0) chunks.push({ pack, start: at, bytes, digest: digest.slice(7) });
    }
  }
  registry.intercept = (seen, response) => {
    const pack = seen.path.replace("/v2/a/b/blobs/sha256:", "");
    const bytes = packs.get(pack);
    if (seen.method !== "GET" || bytes === undefined) return false;
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(seen.headers.range ?? "") ?? [];
    const range = { start: Number(first ?? 0), end: Number(last ?? bytes.length - 1) + 1 };
    requested.push({ pack, ...range });
    const isPart = first !== undefined;
    const headers = isPart ? { "content-range": `bytes ${first}-${range.end - 1}/${bytes.length}` } : {};
    response.writeHead(isPart ? 206 : 200, { "content-length": range.end - range.start, ...headers });
    const send = (at: number): void => {
      if (left-- === 0) kill();
      if (at >= range.end) response.end();
      else
        response.write(
          bytes.subarray(at, Math.min(range.end, at + PIECE)),
          (error) => void (error ?? send(at + PIECE)),
        );
    };
    send(range.start);
    return true;
  };
});

test.after.always(async () => {
  await registry[Symbol.asyncDispose]();
  scratch.remove();
});

/** The chunks of which a store has all bytes, in any file. */
function complete(store: string): Set<string> {
  if (!existsSync(store)) return new Set();
  const files = readdirSync(store, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const contents = files.map(({ name, parentPath }) => ({ name, bytes: readFileSync(join(parentPath, name)) }));
  const isIn = (chunk: (typeof chunks)[number]): boolean =>
    contents.some(({ name, bytes }) => {
      const part = name.includes(chunk.pack) ? bytes.subarray(chunk.start, chunk.start + chunk.bytes.length) : bytes;
      return part.equals(chunk.bytes);
    });
  return new Set(chunks.filter(isIn).map(({ digest }) => digest));
}

/** A pull that is killed after so many pieces of packs, or so many turns of the event loop after the last of them. */
async function killed(argv: string[], pieces: number, turns: number): Promise<boolean> {
  const total = [...packs.values()].reduce((sum, { length }) => sum + Math.ceil(length / PIECE), 0);
  const { pid, ended } = start(puzzlefs, ...argv);
  let isEnded = false;
  const end = ended.then(() => (isEnded = true));
  const { promise, resolve } = Promise.withResolvers<void>();
  left = Math.min(pieces, total - 1);
  kill = resolve;
  await Promise.race([promise, end]);
  for (let count = pieces < total ? 0 : turns; count > 0; count--) {
    if (isEnded) break;
    await turn();
  }
  if (!isEnded) process.kill(pid, "SIGKILL");
  const { signal } = await ended;
  left = Infinity;
  return signal === "SIGKILL";
}

async function pullsAgain(t: ExecutionContext, form: string[]): Promise<void> {
  const store = scratch.fresh("store");
  const argv = ["pull", "--plain-http", ...form, `${registry.host}/a/b:v2`, store];
  const log: string[] = [];
  const kills = 1 + random.below(MOST_KILLS);
  for (let count = 0; count <= kills; count++) {
    const there = complete(store);
    requested.length = 0;
    if (count < kills) {
      const pieces = random.below(200);
      log.push(`${there.size} chunks, killed after ${pieces}: ${await killed(argv, pieces, random.below(3000))}`);
    } else {
      const { code, stderr } = await run(puzzlefs, ...argv);
      t.deepEqual([code, stderr], [0, ""], log.join("\n"));
    }
    const again = chunks.filter(
      ({ pack, start: at, bytes, digest }) =>
        there.has(digest) &&
        requested.some((range) => range.pack === pack && range.start < at + bytes.length && at < range.end),
    );
    t.deepEqual(
      again.map(({ digest }) => digest),
      [],
      `${log.join("\n")}\n${there.size} of ${chunks.length} were complete; ${JSON.stringify(requested)}`,
    );
    for (const digest of there) t.true(count < kills || complete(store).has(digest));
    if (!existsSync(join(store, "index.json"))) continue;
    checkBlobs(store);
    t.deepEqual(problemsOf(store), [], log.join("\n"));
  }
  t.log(log.join("; "));
  t.is(identityOf(store, "v2"), identityOf(origin, "v2"));
  t.is(dumpOf(store, "v2"), dumpOf(origin, "v2"));
  const names = readdirSync(store).filter((name) => !/^\.puzzlefs-(chunks|files)-/.test(name));
  t.deepEqual(names.toSorted(), ["blobs", "index.json", "oci-layout"], log.join("\n"));
}

for (let round = 0; round < 2; round++)
  for (const form of [[], ["--loose"]])
    test.serial(`pull ${form.join(" ")} that is killed goes on, ${round}`, (t) => pullsAgain(t, form));
