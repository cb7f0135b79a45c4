import { execFile } from "node:child_process";
import { cpSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import test, { type ExecutionContext } from "ava";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { Layout } from "./image-layout.ts";
import { Transaction } from "./transaction.ts";
import { referencedBlobs } from "./manifest.ts";

const directory = temporaryDirectory();
const writer = join(import.meta.dirname, "crash-fixture.ts");

const run = promisify(execFile);
// A hundred starts: compiled once is enough.
const env = { ...process.env, NODE_COMPILE_CACHE: join(directory, "compiled") };

/** Runs the writer; returns the calls that it made, or undefined if it was killed. */
async function write(
  layout: string,
  prefix: string,
  commits: number,
  killAt: number,
  ...more: "convert"[]
): Promise<string[] | undefined> {
  try {
    const argv = [writer, layout, prefix, String(commits), String(killAt), ...more];
    const { stdout } = await run(process.execPath, argv, { env });
    return stdout.trimEnd().split("\n");
  } catch (error) {
    if (error instanceof Error && "signal" in error && error.signal === "SIGKILL") return undefined;
    throw error;
  }
}

/** Opens the layout and reads every blob of every tag against its digest. Returns the tags. */
function readEverything(t: ExecutionContext, path: string): string[] {
  using layout = Layout.open(path);
  return layout.tags().map((tag) => {
    for (const { digest, size } of referencedBlobs(layout.manifest(tag).bytes, tag))
      t.is(size, layout.blobs.read(digest ?? "", 1024).length);
    return tag;
  });
}

const staging = (path: string) => readdirSync(path).filter((name) => name.startsWith(".puzzlefs-tmp-"));

test("killed at any call of a commit, the layout opens and its images are whole", async (t) => {
  const origin = join(directory, "origin");
  await write(origin, "old", 1, 0);
  const seen = new Set<string>();
  for (let killAt = 1; ; killAt++) {
    const path = join(directory, `killed-${killAt}`);
    cpSync(origin, path, { recursive: true });
    const calls = await write(path, "new", 1, killAt);
    const tags = readEverything(t, path);
    t.is(tags[0], "old0", `killed at call ${killAt}`);
    seen.add(tags.join());

    // Life goes on: the next writer sweeps up and commits.
    Transaction.begin(Layout.create(path)).abort();
    t.deepEqual(staging(path), []);
    if (calls === undefined) continue;
    t.true(killAt > 20, `only ${killAt} calls`);
    break;
  }
  t.deepEqual([...seen].toSorted(), ["old0", "old0,new0"], "both outcomes occur");
});

test("killed at any call while an image gets another form, every image is whole, and what others need stays", async (t) => {
  const origin = join(directory, "forms");
  await write(origin, "old", 2, 0);
  const before = Layout.open(origin).manifest("old0").digest;
  const seen = new Set<boolean>();
  for (let killAt = 1; ; killAt++) {
    const path = join(directory, `converted-${killAt}`);
    cpSync(origin, path, { recursive: true });
    const calls = await write(path, "old", 1, killAt, "convert");
    t.deepEqual(readEverything(t, path), ["old0", "old1"], `killed at call ${killAt}`);
    using layout = Layout.open(path);
    seen.add(layout.manifest("old0").digest === before);
    if (calls === undefined) continue;
    t.false(layout.blobs.has(before));
    // Manifests and metadata of two images, what the second has beside them, and the empty configuration.
    t.is(layout.blobs.list().length, 7);
    const index = calls.findIndex((call) => call.startsWith("renameat2 index.json"));
    const removed = calls.flatMap((call, at) => (/^unlinkat [0-9a-f]{64}$/.test(call) ? [at] : []));
    t.is(removed.length, 3, "manifest, metadata and chunk");
    t.true(index > 0 && removed.every((at) => at > index), "after the index has been replaced");
    break;
  }
  t.is(seen.size, 2, "both outcomes occur");
});

test("killed at any call of create, a second create makes the layout", async (t) => {
  for (let killAt = 1; ; killAt++) {
    const path = join(directory, `created-${killAt}`);
    const calls = await write(path, "", 0, killAt);
    t.deepEqual(Layout.create(path).tags(), [], `killed at call ${killAt}`);
    if (calls === undefined) continue;
    t.true(killAt > 10, `only ${killAt} calls`);
    break;
  }
});

test("a power cut finds data on disk before names, and names before the index", async (t) => {
  const path = join(directory, "ordered");
  await write(path, "old", 1, 0);
  const calls = (await write(path, "new", 1, 0)) ?? [];
  const indicesOf = (pattern: RegExp) => calls.flatMap((call, i) => (pattern.test(call) ? [i] : []));
  const [written, sync, named] = [indicesOf(/^openat memory-/), indicesOf(/^syncfs/), indicesOf(/^renameat2 memory-/)];
  const [index] = indicesOf(/^renameat2 index.json index.json/);
  t.is(sync.length, 2);
  t.is(named.length, 3, "metadata, chunk and manifest");
  t.true(Math.max(...written) < sync[0] && sync[0] < Math.min(...named), "data, sync, names");
  t.true(Math.max(...named) < sync[1] && sync[1] < index, "names, sync, index");
  const synced = indicesOf(/^fsync/);
  t.true(
    synced.some((i) => sync[1] < i && i < index),
    "the index is on disk before it has its name",
  );
  t.true(
    synced.some((i) => i > index),
    "and its name is made durable",
  );
  const locks = indicesOf(/^flock/);
  t.true(
    locks.some((i) => sync[0] < i && i < named[0]),
    "under the layout's lock",
  );
});

test("two processes commit 20 tags each into one layout, and nothing is lost", async (t) => {
  const path = join(directory, "contended");
  await Promise.all(["a", "b"].map((prefix) => write(path, prefix, 20, 0)));
  const tags = readEverything(t, path);
  const expected = ["a", "b"].flatMap((prefix) => Array.from({ length: 20 }, (_, i) => `${prefix}${i}`));
  t.deepEqual(tags.toSorted(), expected.toSorted());
  t.deepEqual(staging(path), []);
});
