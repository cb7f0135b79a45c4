import { execFileSync } from "node:child_process";
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { agreed, note, useHarnesses } from "./harness-fixture.ts";
import { readByTool } from "./oracles.ts";
import { Random } from "@puzzlefs/testing";
import { readStructs } from "./spec.ts";
import { outcome } from "./verdict.ts";

const cache = process.env["PUZZLEFS_CACHE"] ?? join(homedir(), ".cache/puzzlefs");
const rustTool = join(cache, "rust/bin/puzzlefs");
const withRust = existsSync(rustTool) ? test : test.skip;

const harnesses = useHarnesses(test);
const structs = await readStructs();

/** A tree with enough inodes that the Rust tool writes its metadata in several segments. */
function makeTree(root: string): void {
  const random = new Random(7);
  for (let directory = 0; directory < 24; directory++) {
    const path = join(root, `d${directory % 7}`, `e${directory}`);
    mkdirSync(path, { recursive: true });
    for (let file = 0; file < 40; file++) {
      const content = random.once(20)
        ? Buffer.from(random.bytes(100_000))
        : Buffer.alloc(random.below(9000), `line ${file}\n`);
      writeFileSync(join(path, `file ${random.bits()}`), content);
    }
    symlinkSync("../target", join(path, "link"));
    linkSync(join(path, readdirSync(path)[0] ?? ""), join(root, `hard${directory}`));
  }
  execFileSync("mkfifo", [join(root, "fifo")]);
}

/** A later version: things added, removed, moved, changed. */
function changeTree(root: string): void {
  rmSync(join(root, "d1"), { recursive: true });
  renameSync(join(root, "d2/e2"), join(root, "d3/moved"));
  writeFileSync(join(root, "d3/new"), "new");
  mkdirSync(join(root, "fresh/deeper"), { recursive: true });
  writeFileSync(join(root, "fresh/deeper/file"), Buffer.alloc(200_000, "abc"));
  rmSync(join(root, "fifo"));
}

interface Descriptor {
  digest: string;
  mediaType: string;
  annotations?: Record<string, string>;
}

const blob = (layout: string, digest: string): Buffer =>
  readFileSync(join(layout, "blobs/sha256", digest.replace("sha256:", "")));

/** Paths of a directory tree, as the file system has them. */
function pathsIn(root: string, below = ""): string[] {
  return readdirSync(join(root, below), { withFileTypes: true }).flatMap((entry) => {
    const path = join(below, entry.name);
    return entry.isDirectory() ? [path, ...pathsIn(root, path)] : [path];
  });
}

/** Paths that a verdict lists. */
function pathsOf(verdict: string): string[] {
  const directories = new Map([["1", ""]]);
  const paths: string[] = [];
  let above = "";
  for (const line of verdict.split("\n")) {
    const [, dir] = /^dir (\d+)$/.exec(line) ?? [];
    if (dir !== undefined) above = directories.get(dir) ?? "";
    const [, hex, ino] = /^\d+ ((?:[0-9a-f]{2})+) (\d+) /.exec(line) ?? [];
    if (hex === undefined || ino === undefined) continue;
    const path = join(above, Buffer.from(hex, "hex").toString());
    directories.set(ino, path);
    paths.push(path);
  }
  return paths;
}

/** Judges every object of an image; returns the verdict on its metadata, and the number of seek tables. */
async function judgeImage(
  layout: string,
  tag: string,
): Promise<{ metadata: Buffer; verdict: string; seekTables: number }> {
  const index = JSON.parse(readFileSync(join(layout, "index.json"), "utf8")) as { manifests: Descriptor[] };
  const named = index.manifests.find(({ annotations }) => annotations?.["org.opencontainers.image.ref.name"] === tag);
  const json = blob(layout, named?.digest ?? "");
  const manifest = await agreed(harnesses, "manifest", json);
  const metadata = blob(layout, manifest.split(/\s/)[2] ?? "");
  const verdict = await agreed(harnesses, "metadata", metadata);
  const compressed = new Set(
    [...verdict.matchAll(/"digest":"([0-9a-f]{64})","offset":\d+,"compressed":true/g)].map(
      ([, digest]) => digest ?? "",
    ),
  );
  for (const digest of compressed) {
    const bytes = blob(layout, digest);
    const table = await agreed(harnesses, "seek-table", bytes);
    if (outcome(table) !== "accepted") throw new Error(`${digest}: ${table}`);
  }
  return { metadata, verdict, seekTables: compressed.size };
}

withRust("images of the Rust tool are accepted by TypeScript, C and the capnp tool, and show its tree", async (t) => {
  const scratch = mkdtempSync(join(tmpdir(), "puzzlefs-conformance-"));
  t.teardown(() => rmSync(scratch, { recursive: true }));
  const root = join(scratch, "root");
  const layout = join(scratch, "oci");
  const build = (tag: string, ...options: string[]): void => {
    execFileSync(rustTool, ["build", ...options, root, `${layout}:${tag}`], { stdio: "pipe" });
  };
  makeTree(root);
  build("raw");
  build("zstd", "-c");
  const before = pathsIn(root).toSorted();
  changeTree(root);
  build("delta", "-b", "raw");
  build("zstd-delta", "-c", "-b", "zstd");
  const after = pathsIn(root).toSorted();
  for (const [tag, paths] of Object.entries({ raw: before, zstd: before, delta: after, "zstd-delta": after })) {
    const { metadata, verdict, seekTables } = await judgeImage(layout, tag);
    t.is(outcome(verdict), "accepted", tag);
    t.deepEqual(pathsOf(verdict).toSorted(), paths, tag);
    t.is(readByTool(structs, [metadata])[0] ?? "", verdict.trimEnd().split("\n").at(-1) ?? "", tag);
    t.is(seekTables > 0, tag.startsWith("zstd"), tag);
    t.log(
      `${tag}: ${metadata.length} bytes of metadata, ${metadata.readUInt32LE(0) + 1} segments, ${seekTables} seek tables`,
    );
  }
  note(t, harnesses);
});
