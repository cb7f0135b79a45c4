import { execFileSync, spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  ftruncateSync,
  openSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

import { fileSize, isHole, ZERO_BLOB_BYTES, ZERO_BLOB_DIGEST } from "@puzzlefs/format";
import { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, fallocate } from "@puzzlefs/linux";
import { Layout, sha256Hex } from "@puzzlefs/oci";
import { verifyImage } from "@puzzlefs/reader";
import test from "ava";

import { build } from "./build.ts";
import { noise } from "@puzzlefs/testing";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { blobsOf, copyOf, dumpImage, dumpTree, makeTree, metadataOf } from "./tree-fixture.ts";
import type { BuildOptions } from "./options.ts";
import { zeroBlob } from "./zero-blob.ts";

const kibibyte = 2 ** 10;
const block = 64 * kibibyte;
const tebibyte = 2 ** 40;
const zeroHex = Buffer.from(ZERO_BLOB_DIGEST.toUint8Array()).toString("hex");

/** A piece of data in a file: where, and how long. */
type Piece = readonly [offset: number, length: number];

/** Writes a file that is a hole but for `pieces`. */
function writeSparse(path: string, size: number, pieces: readonly Piece[]): void {
  const file = openSync(path, "w");
  ftruncateSync(file, size);
  for (const [offset, length] of pieces) writeSync(file, noise(`${offset}`, length), 0, length, offset);
  closeSync(file);
}

/** A tree with one file. */
function sparseTree(size: number, pieces: readonly Piece[]): string {
  const root = makeTree({ ordinary: noise("ordinary", 30_000) });
  writeSparse(join(root, "sparse"), size, pieces);
  return root;
}

/** The extents of the largest file of an image: "data 65536" and "hole 1048576" in turns. */
function extentsOf(ociDir: string, tag = "v1"): string[] {
  const { image } = metadataOf(ociDir, tag);
  const files = [...image.metadatas.at(0).inodes].flatMap(({ mode }) => (mode.kind === "file" ? [mode.file] : []));
  const [file] = files.toSorted((a, b) => fileSize(b) - fileSize(a));
  const extents: { kind: string; length: number }[] = [];
  for (const chunk of file ?? []) {
    const kind = isHole(chunk, ZERO_BLOB_DIGEST) ? "hole" : "data";
    const last = extents.at(-1);
    if (last?.kind === kind) last.length += chunk.len;
    else extents.push({ kind, length: chunk.len });
  }
  return extents.map(({ kind, length }) => `${kind} ${length}`);
}

async function buildAs(rootfs: string, more: Partial<BuildOptions> = {}): Promise<string> {
  const ociDir = temporaryDirectory();
  await build({ rootfs, ociDir, tag: "v1", ...more });
  return ociDir;
}

test("the blob of zeros has the digest of the specification, and zstd makes a GiB of zeros of it", (t) => {
  const blob = zeroBlob();
  t.is(sha256Hex(blob), zeroHex);
  t.true(blob.length < 64 * kibibyte);
  if (spawnSync("zstd", ["--version"]).error !== undefined) {
    t.log("no zstd");
    return;
  }
  const path = join(temporaryDirectory(), "zeros.zst");
  writeFileSync(path, blob);
  const compare = `zstd -dc ${path} | cmp -n ${ZERO_BLOB_BYTES} - /dev/zero && zstd -dc ${path} | wc -c`;
  t.is(execFileSync("sh", ["-c", compare], { encoding: "utf8" }).trim(), String(ZERO_BLOB_BYTES));
});

const layouts: [title: string, size: number, pieces: Piece[], extents: string[]][] = [
  ["nothing but a hole", 10 * block, [], [`hole ${10 * block}`]],
  ["nothing but a hole, of an odd size", 10 * block + 1, [], [`hole ${10 * block + 1}`]],
  ["a hole of less than a block", block - 1, [], [`data ${block - 1}`]],
  [
    "data, a hole, data",
    4 * block,
    [
      [0, block],
      [3 * block, block],
    ],
    [`data ${block}`, `hole ${2 * block}`, `data ${block}`],
  ],
  [
    "data in the middle of a block",
    9 * block,
    [[4 * block + 12_345, 10]],
    [`hole ${4 * block}`, `data ${block}`, `hole ${4 * block}`],
  ],
  [
    "data across a boundary",
    9 * block,
    [[4 * block - 5, 10]],
    [`hole ${3 * block}`, `data ${2 * block}`, `hole ${4 * block}`],
  ],
  [
    "holes that hold no whole block",
    5 * block,
    [0, 1, 2, 3, 4].map((i) => [i * block + 30_000, 5000] as const),
    [`data ${5 * block}`],
  ],
  ["a hole at the end", 3 * block + 5, [[0, 100]], [`data ${block}`, `hole ${2 * block + 5}`]],
  ["less than a block at the end", 3 * block + 5, [[0, 3 * block]], [`data ${3 * block + 5}`]],
  ["longer than a run can be", 3 * ZERO_BLOB_BYTES + 7, [], [`hole ${3 * ZERO_BLOB_BYTES + 7}`]],
];

for (const [title, size, pieces, extents] of layouts) {
  test(`holes become runs of the blob of zeros: ${title}`, async (t) => {
    const root = sparseTree(size, pieces);
    for (const options of [{}, { compress: true }]) {
      const ociDir = await buildAs(root, options);
      t.deepEqual(extentsOf(ociDir), extents);
      t.is(
        blobsOf(ociDir).includes(zeroHex),
        extents.some((extent) => extent.startsWith("hole")),
      );
      using layout = Layout.open(ociDir);
      t.deepEqual(verifyImage(layout).problems, []);
      if (size < 100 * block) t.deepEqual(dumpImage(ociDir, "v1"), dumpTree(root));
    }
  });
}

test("a file system's smaller blocks leave no trace: holes of the same blocks make the same image", async (t) => {
  const root = sparseTree(40 * block, [
    [0, 3 * block],
    [20 * block, block],
  ]);
  const expected = await buildAs(root);
  const file = openSync(join(root, "sparse"), "r+");
  // Zeros that are data, in the blocks that are data anyway.
  writeSync(file, Buffer.alloc(8192), 0, 8192, 3 * block - 8192);
  const digest = (ociDir: string): string => Layout.open(ociDir).manifest("v1").digest;
  const zeroed = await buildAs(root);
  fallocate(file, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 3 * block - 8192, 8192);
  closeSync(file);
  const punched = await buildAs(root);
  t.is(digest(punched), digest(zeroed));
  t.deepEqual(extentsOf(punched), extentsOf(expected));
});

test("zeros that are data stay ordinary chunks", async (t) => {
  const ociDir = await buildAs(makeTree({ zeros: Buffer.alloc(10 * block, 0) }));
  t.deepEqual(extentsOf(ociDir), [`data ${10 * block}`]);
  t.false(blobsOf(ociDir).includes(zeroHex));
});

test("data behind a hole are cut alike, however long the hole is", async (t) => {
  const chunks = async (hole: number): Promise<string[]> => {
    const root = temporaryDirectory();
    const file = openSync(join(root, "sparse"), "w");
    writeSync(file, noise("behind", 2_000_000), 0, 2_000_000, hole);
    closeSync(file);
    return (await buildAs(root).then((ociDir) => Layout.open(ociDir).blobs.list())).toSorted();
  };
  const kept = (await chunks(16 * block)).filter((digest) => digest !== zeroHex);
  const longer = await chunks(100 * block);
  t.true(kept.filter((digest) => longer.includes(digest)).length >= kept.length - 2);
});

test("as one stream, holes are cut as zeros", async (t) => {
  const root = sparseTree(3_000_000, [
    [100, 10],
    [2_000_000, 70_000],
  ]);
  const full = makeTree({ ordinary: noise("ordinary", 30_000), sparse: readFileSync(join(root, "sparse")) });
  const [ours, theirs] = [await buildAs(root, { chunking: "stream" }), await buildAs(full, { chunking: "stream" })];
  t.deepEqual(blobsOf(ours), blobsOf(theirs));
});

test("a TiB of a hole takes a second and less than 200 kB", async (t) => {
  const root = sparseTree(tebibyte + 5, [
    [0, 5],
    [tebibyte, 5],
  ]);
  const ociDir = await buildAs(root);
  const { image } = metadataOf(ociDir, "v1");
  const runs = [...image.metadatas.at(0).inodes].map(({ mode }) => (mode.kind === "file" ? mode.file.length : 0));
  t.true(Math.max(...runs) < 1030, `${Math.max(...runs)} runs`);
  using layout = Layout.open(ociDir);
  const bytes = layout.blobs.list().reduce((sum, digest) => sum + (layout.blobs.size(digest) ?? 0), 0);
  t.true(bytes < 500_000, `${bytes} bytes in all blobs`);
  t.deepEqual(verifyImage(layout).problems, []);
});

for (const options of [{}, { compress: true }]) {
  test(`built again, and on a base, an image brings nothing new: ${JSON.stringify(options)}`, async (t) => {
    const root = sparseTree(40 * block, [
      [0, 100],
      [30 * block, 100_000],
    ]);
    const ociDir = temporaryDirectory();
    const first = await build({ rootfs: root, ociDir, tag: "v1", ...options });
    t.true(first.newBytes < 400_000);
    t.is((await build({ rootfs: root, ociDir, tag: "v2", ...options })).newBlobs, 0);
    const same = await build({ rootfs: root, ociDir, tag: "v3", base: "v1", ...options });
    t.is(same.metadata, first.metadata);
    t.is(same.newBlobs, 0);
    writeFileSync(join(root, "more"), noise("more", 50_000));
    truncateSync(join(root, "sparse"), 80 * block);
    await build({ rootfs: root, ociDir, tag: "v4", base: "v1", ...options });
    t.is(metadataOf(ociDir, "v4").image.metadatas.length, 2);
    t.deepEqual(dumpImage(ociDir, "v4"), dumpTree(root));
    // The manifest lists all needed blobs, the blob of zeros once.
    const copy = copyOf(ociDir, "v4");
    t.is(Layout.open(copy).manifest("v4").bytes.toString().split(zeroHex).length - 1, 1);
    t.deepEqual(dumpImage(copy, "v4"), dumpTree(root));
  });
}

test("a damaged blob of zeros is replaced, a missing one comes back", async (t) => {
  const root = sparseTree(40 * block, []);
  const ociDir = await buildAs(root);
  const path = join(ociDir, "blobs/sha256", zeroHex);
  for (const damage of [() => truncateSync(path, 100), () => execFileSync("rm", [path])]) {
    damage();
    const { newBlobs } = await build({ rootfs: root, ociDir, tag: "v1" });
    t.is(newBlobs, 1);
    t.true(existsSync(path));
    t.is(sha256Hex(readFileSync(path)), zeroHex);
  }
});
