/** Packs: the blobs of new chunks, joined. Which chunks an image has, and what is in its metadata, does not depend on them. */
import { hash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { encodeRootfs } from "@puzzlefs/format";
import { fsVerityDigest, Layout, Transaction, Turns } from "@puzzlefs/oci";
import test from "ava";

import { build } from "./build.ts";
import { noise, prose } from "@puzzlefs/testing";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { ChunkBlobs } from "./chunk-blobs.ts";
import { DirectorySource } from "./directory-source.ts";
import type { Blob } from "./image-blob.ts";
import { inodeValue, Reachable, rootfsValue } from "./metadata-values.ts";
import { Omissions } from "./omissions.ts";
import { resolveOptions, type BuildOptions } from "./options.ts";
import { packName } from "./pack-file.ts";
import { Pipeline } from "./pipeline.ts";
import { readSource } from "./read-source.ts";
import { makeTree, mixedTree } from "./tree-fixture.ts";
import { FreshNumbering } from "./tree-node.ts";
import { XattrPolicy } from "./xattrs.ts";

interface Packed {
  packs: Buffer[];
  /** What the queue recorded of each pack. */
  recorded: Blob[];
  slices: { pack: number; offset: number; blob: Blob }[];
  metadata: Uint8Array;
  blobs: Blob[];
  chunks: number;
}

async function packed(rootfs: string, packBytes: number, options: Partial<BuildOptions>): Promise<Packed> {
  const ociDir = join(temporaryDirectory(), "oci");
  const resolved = resolveOptions({ rootfs, ociDir, tag: "t", ...options });
  const turns = new Turns(resolved.check);
  using layout = Layout.create(ociDir);
  const transaction = Transaction.begin(layout);
  const pipeline = new Pipeline(resolved, transaction.directory, layout, packBytes);
  try {
    const omissions = new Omissions();
    const reading = readSource(new DirectorySource(rootfs, { crossing: "subvolumes", written: new Set() }), {
      mtime: resolved.mtime,
      omissions,
      xattrs: new XattrPolicy(false, omissions),
      numbering: new FreshNumbering(),
      addFile: (node, file) => pipeline.addFile(node, file),
    });
    const nodes = await pipeline.run(reading, turns);
    await pipeline.finish(turns);
    const chunkBlobs = new ChunkBlobs(pipeline.queue.chunks, []);
    const reachable = new Reachable();
    const blobOf = (chunk: number): Blob => {
      const blob = chunkBlobs.find(chunk);
      reachable.add(blob);
      return blob;
    };
    nodes.sort((a, b) => a.ino - b.ino);
    const inodes = nodes.map((node) => inodeValue(node, blobOf, false));
    const { packs, slices } = pipeline.packs!;
    const blobs = reachable.blobs();
    return {
      packs: packs.map((_, index) => readFileSync(join(transaction.directory.path, packName(index)))),
      recorded: packs.map((record) => copyOf(chunkBlobs.find(record))),
      slices: slices.map(({ chunk, pack, offset }) => ({ pack, offset, blob: copyOf(chunkBlobs.find(chunk)) })),
      metadata: encodeRootfs(rootfsValue([{ inodes }], blobs)),
      blobs: blobs.map(copyOf),
      chunks: reachable.chunkCount,
    };
  } finally {
    await pipeline.close();
    transaction.abort();
  }
}

function copyOf(blob: Blob): Blob {
  return { ...blob, digest: Buffer.from(blob.digest), verity: Buffer.from(blob.verity) };
}

const variants: Record<string, Partial<BuildOptions>> = {
  raw: {},
  zstd: { compress: true },
  "zstd, small frames": { compress: true, frameSize: 4096, jobs: 3 },
  "zstd, one thread, one stream": { compress: true, chunking: "stream", jobs: 1 },
};

for (const [name, options] of Object.entries(variants)) {
  test(`${name}: packs are the blobs of the image, byte for byte, in the order of the tree`, async (t) => {
    const rootfs = mixedTree();
    const loose = temporaryDirectory();
    const image = await build({ rootfs, ociDir: loose, tag: "t", ...options });
    const blobFile = (hex: string): Buffer => readFileSync(join(loose, "blobs/sha256", hex));
    for (const packBytes of [1, 400_000, 1 << 30]) {
      const { packs, recorded, slices, metadata, blobs, chunks } = await packed(rootfs, packBytes, options);
      t.is(hash("sha256", metadata), image.metadata);
      t.is(chunks, image.chunks);
      t.is(slices.length, chunks);
      t.is(blobs.length, image.newBlobs);
      t.true(Buffer.concat(packs).equals(Buffer.concat(slices.map(({ blob }) => blobFile(blob.hex)))));
      const ends = packs.map(() => 0);
      for (const { pack, offset, blob } of slices) {
        t.is(offset, ends[pack]);
        ends[pack] += blob.size;
        t.is(blob.temporary, undefined);
        t.deepEqual(blob.verity, fsVerityDigest(blobFile(blob.hex)));
      }
      t.deepEqual(
        ends,
        packs.map(({ length }) => length),
      );
      const single = new Set(slices.map(({ blob }) => blob.hex));
      for (const [index, pack] of packs.entries()) {
        t.true(pack.length <= packBytes || single.has(hash("sha256", pack)));
        t.like(recorded[index], { hex: hash("sha256", pack), verity: fsVerityDigest(pack), size: pack.length });
      }
      if (packBytes === 1) t.is(packs.length, slices.length);
      if (packBytes === 1 << 30) t.is(packs.length, 1);
    }
  });
}

test("a tree of the same content becomes the same packs, whatever was met twice first", async (t) => {
  const files: Record<string, Uint8Array> = {};
  // Equal files next to each other: several threads get hold of one content at a time.
  for (let index = 0; index < 200; index++) files[`f${index}`] = prose(`${index >> 3}`, 40_000);
  files["noise"] = noise("noise", 300_000);
  const rootfs = makeTree(files);
  const results: unknown[] = [];
  for (let round = 0; round < 8; round++) {
    const { packs, slices, chunks } = await packed(rootfs, 100_000, { compress: true, jobs: 1 + (round % 6) });
    t.is(chunks, slices.length);
    results.push({ packs: packs.map((pack) => hash("sha256", pack)), slices: slices.map(({ blob }) => blob.hex) });
  }
  for (const result of results) t.deepEqual(result, results[0]);
});
