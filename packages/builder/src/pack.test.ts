import { readFileSync, statSync, writeFileSync } from "node:fs";
import { hash } from "node:crypto";
import { join } from "node:path";

import test from "ava";

import { build } from "./build.ts";
import { noise, prose } from "@puzzlefs/testing";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { blobsOf, dumpImage, dumpTree, makeTree, metadataOf, mixedTree } from "./tree-fixture.ts";

for (const compress of [false, true]) {
  const way = compress ? "zstd" : "raw";

  test.serial(`${way}: blobs are filled up to the wanted size, the last one with what is left`, async (t) => {
    const [rootfs, ociDir] = [mixedTree(), temporaryDirectory()];
    const pack = 400_000;
    const result = await build({ rootfs, ociDir, tag: "t", pack, compress });
    const { image } = metadataOf(ociDir, "t");
    const sizes = [...image.fsVerityData].map(({ digest }) => {
      return statSync(join(ociDir, "blobs/sha256", Buffer.from(digest.toUint8Array()).toString("hex"))).size;
    });
    t.is(sizes.length, result.newBlobs);
    t.true(sizes.filter((size) => size < pack).length <= 1);
    t.true(sizes.every((size) => size < pack + 262_144 + 1000));
    t.is(image.chunks.length, result.chunks);
  });

  test.serial(`${way}: the chunk table is ascending, without gaps, and its digests are right`, async (t) => {
    const [rootfs, ociDir] = [mixedTree(), temporaryDirectory()];
    await build({ rootfs, ociDir, tag: "t", pack: 400_000, compress });
    const ends = new Map<string, number>();
    let last = "";
    for (const { blob, length, storedDigest, contentDigest } of metadataOf(ociDir, "t").image.chunks) {
      const hex = Buffer.from(blob.digest.toUint8Array()).toString("hex");
      t.true(hex >= last);
      last = hex;
      t.is(blob.offset, ends.get(hex) ?? 0);
      t.is(blob.compressed, compress);
      ends.set(hex, blob.offset + length);
      if (compress) continue;
      const content = readFileSync(join(ociDir, "blobs/sha256", hex)).subarray(blob.offset, blob.offset + length);
      t.is(Buffer.from(contentDigest.toUint8Array()).toString("hex"), hash("sha256", content));
      t.deepEqual(contentDigest.toUint8Array(), storedDigest.toUint8Array());
    }
  });

  test.serial(`${way}: an image on a packed one shares its chunks, also with other settings`, async (t) => {
    const [rootfs, ociDir] = [mixedTree(), temporaryDirectory()];
    await build({ rootfs, ociDir, tag: "v1", pack: 400_000, compress });
    const blobs = blobsOf(ociDir).length;
    writeFileSync(join(rootfs, "new"), noise("new", 50_000));
    // The new file in a blob of its own, everything else from the packs.
    const result = await build({ rootfs, ociDir, tag: "v2", base: "v1", compress: !compress });
    t.is(result.newBlobs, 1);
    t.is(blobsOf(ociDir).length, blobs + 3);
    t.deepEqual(dumpImage(ociDir, "v2"), dumpTree(rootfs));
    const { image } = metadataOf(ociDir, "v2");
    t.is(image.chunks.length, metadataOf(ociDir, "v1").image.chunks.length);
  });
}

test.serial("a pack larger than everything is one blob", async (t) => {
  const [rootfs, ociDir] = [mixedTree(), temporaryDirectory()];
  const result = await build({ rootfs, ociDir, tag: "t", pack: Number.MAX_SAFE_INTEGER, compress: true });
  t.is(result.newBlobs, 1);
  t.deepEqual(dumpImage(ociDir, "t"), dumpTree(rootfs));
});

test.serial("a tree of the same content becomes the same packs, whatever was met twice first", async (t) => {
  const files: Record<string, Uint8Array> = {};
  // Equal files next to each other: several threads get hold of one content at a time.
  for (let index = 0; index < 200; index++) files[`f${index}`] = prose(`${index >> 3}`, 40_000);
  const rootfs = makeTree(files);
  const manifests = new Set<string>();
  for (let round = 0; round < 8; round++) {
    const result = await build({
      rootfs,
      ociDir: temporaryDirectory(),
      tag: "t",
      pack: 100_000,
      compress: true,
      jobs: 1 + (round % 6),
    });
    manifests.add(result.manifest);
  }
  t.is(manifests.size, 1);
});
