/** Files that have not changed since the last build are not read, and that changes no byte of an image. */
import { createHash } from "node:crypto";
import {
  chmodSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { Layout } from "@puzzlefs/oci";
import { noise, prose, Random, rounds, runSeed } from "@puzzlefs/testing";
import { RandomTree } from "@puzzlefs/testing/random-tree";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import test, { type ExecutionContext } from "ava";

import { build } from "./build.ts";
import { DirectoryEntry } from "./directory-entry.ts";
import type { BuildOptions, BuildResult } from "./options.ts";
import { dumpImage, dumpTree, makeTree } from "./tree-fixture.ts";

const HEADER_BYTES = 48;
const RECORD_BYTES = 56;
const DIGEST_BYTES = 32;
/** Longer than the time in which a changed file is not recorded. */
const LATER_MILLISECONDS = 10_000;

/** Files that were read, by their paths in the tree. */
let readFiles: string[] = [];
const content = Object.getOwnPropertyDescriptor(DirectoryEntry.prototype, "content")
  ?.value as DirectoryEntry["content"];
DirectoryEntry.prototype.content = function (sink) {
  readFiles.push(this.name);
  return content.call(this, sink);
};

const now = Date.now.bind(Date);
/** Builds as if some time had passed since the last change. Returns the files that were read too. */
async function later(options: BuildOptions): Promise<BuildResult & { read: string[] }> {
  Date.now = () => now() + LATER_MILLISECONDS;
  readFiles = [];
  try {
    const result = await build({ fileCache: true, ...options });
    return { ...result, read: [...readFiles].sort() };
  } finally {
    Date.now = now;
  }
}

const freshDigest = async (options: Omit<BuildOptions, "ociDir" | "tag">): Promise<string> =>
  (await build({ ...options, ociDir: temporaryDirectory(), tag: "fresh" })).manifest;

const tree = (): string =>
  makeTree({
    a: prose("a", 300_000),
    "b/c": noise("c", 200_000),
    "b/d": prose("d", 100),
    "b/e": prose("e", 3000),
    f: "",
  });

/** The only file of the cache in a layout. */
function cacheFile(ociDir: string): string {
  const names = readdirSync(ociDir).filter((name) => name.startsWith(".puzzlefs-files-"));
  if (names.length !== 1) throw new Error(`${names.length} caches of files`);
  return join(ociDir, names[0] ?? "");
}

/** Exchanges the inode numbers of the files that the cache knows, as if that were true. */
function poison(ociDir: string): void {
  const bytes = readFileSync(cacheFile(ociDir)).subarray(0, -DIGEST_BYTES);
  const ends: number[] = [];
  for (let at = HEADER_BYTES + RECORD_BYTES; at < bytes.length; at += RECORD_BYTES) ends.push(at + RECORD_BYTES);
  const numbers = ends.map((end) => bytes.readBigUInt64LE(end - 8));
  ends.forEach((end, index) => bytes.writeBigUInt64LE(numbers[(index + 1) % numbers.length] ?? 0n, end - 8));
  writeFileSync(cacheFile(ociDir), Buffer.concat([bytes, createHash("sha256").update(bytes).digest()]));
}

for (const options of [{}, { compress: true }, { mtime: { kind: "keep" } }] as const) {
  test.serial(`only what has changed is read ${JSON.stringify(options)}`, async (t) => {
    const [rootfs, ociDir] = [tree(), temporaryDirectory()];
    const first = await later({ rootfs, ociDir, tag: "v1", ...options });
    t.deepEqual(first.read, ["a", "c", "d", "e"]);
    const again = await later({ rootfs, ociDir, tag: "v2", ...options });
    t.deepEqual([again.read, again.manifest], [[], first.manifest]);
    writeFileSync(join(rootfs, "a"), prose("other", 300_000));
    chmodSync(join(rootfs, "b/e"), 0o600);
    const third = await later({ rootfs, ociDir, tag: "v3", ...options });
    // A change of the mode is one of the time of change.
    t.deepEqual(third.read, ["a", "e"]);
    t.is(third.manifest, await freshDigest({ rootfs, ...options }));
    const verified = await later({ rootfs, ociDir, tag: "v4", verify: true, ...options });
    t.deepEqual([verified.read, verified.manifest], [["a", "c", "d", "e"], third.manifest]);
  });
}

test.serial("the cache is used: what it records of a file is taken over", async (t) => {
  const [rootfs, ociDir] = [makeTree({ a: noise("a", 50_000), b: noise("b", 50_000) }), temporaryDirectory()];
  const first = await later({ rootfs, ociDir, tag: "v1" });
  poison(ociDir);
  t.not((await later({ rootfs, ociDir, tag: "v2" })).manifest, first.manifest);
});

test.serial("a file that was changed just before the build is read again by the next one", async (t) => {
  const [rootfs, ociDir] = [tree(), temporaryDirectory()];
  await build({ rootfs, ociDir, tag: "v1", fileCache: true });
  readFiles = [];
  await build({ rootfs, ociDir, tag: "v2", fileCache: true });
  t.deepEqual(readFiles.sort(), ["a", "c", "d", "e"]);
});

test.serial("a change that restores size and modification time is noticed", async (t) => {
  const [rootfs, ociDir] = [tree(), temporaryDirectory()];
  await later({ rootfs, ociDir, tag: "v1" });
  const { atime, mtime } = statSync(join(rootfs, "b/c"));
  writeFileSync(join(rootfs, "b/c"), noise("other", 200_000));
  utimesSync(join(rootfs, "b/c"), atime, mtime);
  const { manifest, read } = await later({ rootfs, ociDir, tag: "v2" });
  t.deepEqual([read, manifest], [["c"], await freshDigest({ rootfs })]);
});

const damages: Record<string, (path: string) => void> = {
  missing: (path) => rmSync(path),
  emptied: (path) => truncateSync(path, 0),
  "cut short": (path) => truncateSync(path, readFileSync(path).length - RECORD_BYTES),
  "of another byte": (path) => {
    const bytes = readFileSync(path);
    bytes[HEADER_BYTES + 70] ^= 1;
    writeFileSync(path, bytes);
  },
  "writable for others": (path) => chmodSync(path, 0o622),
};

async function assertRead(t: ExecutionContext, rootfs: string, ociDir: string, manifest: string): Promise<void> {
  const next = await later({ rootfs, ociDir, tag: "v2" });
  t.deepEqual([next.read, next.manifest], [["a", "c", "d", "e"], manifest]);
  t.deepEqual(dumpImage(ociDir, "v2"), dumpTree(rootfs));
  t.deepEqual((await later({ rootfs, ociDir, tag: "v3" })).read, [], "the cache was written anew");
}

for (const [damage, make] of Object.entries(damages)) {
  test.serial(`a cache that is ${damage} is not used, and written anew`, async (t) => {
    const [rootfs, ociDir] = [tree(), temporaryDirectory()];
    const { manifest } = await later({ rootfs, ociDir, tag: "v1" });
    make(cacheFile(ociDir));
    await assertRead(t, rootfs, ociDir, manifest);
  });
}

test.serial("without the image or one of its blobs, all files are read", async (t) => {
  for (const which of ["manifest", "metadata", "chunk"] as const) {
    for (const damage of [rmSync, (path: string) => truncateSync(path, 10)]) {
      const [rootfs, ociDir] = [tree(), temporaryDirectory()];
      const { manifest, metadata } = await later({ rootfs, ociDir, tag: "v1" });
      using layout = Layout.open(ociDir);
      const chunk = layout.blobs.list().find((hex) => layout.blobs.size(hex) === 3100) ?? "";
      damage(layout.blobs.pathOf(which === "chunk" ? chunk : which === "manifest" ? manifest : metadata));
      await assertRead(t, rootfs, ociDir, manifest);
    }
  }
});

test.serial("each tree, and each way to store and cut it, has its own cache", async (t) => {
  const [rootfs, other, ociDir] = [tree(), tree(), temporaryDirectory()];
  await later({ rootfs, ociDir, tag: "v1" });
  for (const options of [
    { rootfs: other },
    { compress: true },
    { chunkSizes: { min: 4096, avg: 16384, max: 65536 } },
  ]) {
    const made = await later({ rootfs, ociDir, tag: "v2", ...options });
    t.is(made.read.length, 4);
    t.is(made.manifest, await freshDigest({ rootfs, ...options }));
  }
  t.deepEqual((await later({ rootfs, ociDir, tag: "v3" })).read, []);
  await t.throwsAsync(later({ rootfs, ociDir, tag: "v4", chunking: "stream" }), { name: "OptionError" });
});

for (let round = 0; round < rounds(8); round++) {
  const seed = runSeed + round;
  test.serial(`images of changed trees are those of builds without a cache, seed ${seed}`, async (t) => {
    const random = new Random(seed);
    const [rootfs, ociDir] = [makeTree({}), temporaryDirectory()];
    const changing = new RandomTree(rootfs, random);
    changing.fill(80);
    const options = random.pick<Partial<BuildOptions>>([
      {},
      { compress: true },
      { mtime: { kind: "keep" } },
      { chunkSizes: { min: 1024, avg: 4096, max: 16384 } },
    ]);
    for (let version = 0; version < 4; version++) {
      const base = version > 0 && random.once(3) ? { base: `${version - 1}` } : {};
      const made = await later({ rootfs, ociDir, tag: `${version}`, ...options, ...base });
      if (!("base" in base)) t.is(made.manifest, await freshDigest({ rootfs, ...options }), `version ${version}`);
      t.deepEqual(dumpImage(ociDir, `${version}`), dumpTree(rootfs));
      for (let count = random.below(10); count > 0; count--) changing.change();
    }
  });
}
