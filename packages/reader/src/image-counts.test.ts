import { rmSync } from "node:fs";
import { ZERO_BLOB_DIGEST } from "@puzzlefs/format";
import test from "ava";
import { countImage, fileRuns } from "./image-counts.ts";
import { dir, file, inode, run, seekable, symlink, withFixture } from "./image-fixture.ts";
import { openImage } from "./image.ts";

const zeros = ZERO_BLOB_DIGEST.toUint8Array();

test("an image is counted as its tree shows it, hard links and shared blobs once", (t) => {
  withFixture((fixture, layout) => {
    const stored = seekable(Buffer.alloc(5000, "text "), 5000);
    const [raw, compressed] = [fixture.chunk(Buffer.alloc(1000)), fixture.chunk(stored, true)];
    const [missing, hidden] = [fixture.chunk(Buffer.from("missing")), fixture.chunk(Buffer.from("hidden"))];
    rmSync(fixture.blobPath(missing));
    const newest = [
      dir(1, { gone: 9 }, { lookBelow: true }),
      file(2, [run(raw, 0, 1000), run(compressed, 0, 5000, true)]),
      inode(9, { kind: "wht" }),
    ];
    const oldest = [
      dir(1, { a: 2, b: 2, c: 3, d: 4, gone: 5 }),
      file(2, [run(hidden, 0, 6)]),
      symlink(3, "a"),
      file(4, [run(raw, 10, 20), run(zeros, 0, 300, true), run(missing, 0, 7)]),
      file(5, [run(hidden, 0, 6)]),
    ];
    fixture.image("v1", { metadatas: [{ inodes: newest }, { inodes: oldest }] });
    using tree = openImage(layout, "v1");
    t.deepEqual(countImage(tree, layout.blobs), {
      inodes: { total: 4, kinds: { dir: 1, file: 2, lnk: 1 } },
      layers: [3, 5],
      contentBytes: 6327,
      holeBytes: 300,
      blobs: 4,
      compressedBlobs: 2,
      missingBlobs: 2,
      storedBytes: 1000 + stored.length,
    });
  });
});

test("the runs of a file have their offsets in the file and in the blob; other inodes have none", (t) => {
  withFixture((fixture, layout) => {
    const digest = fixture.chunk(Buffer.alloc(100));
    const inodes = [dir(1, { f: 2 }), file(2, [run(digest, 40, 60), run(zeros, 0, 1, true), run(digest, 0, 5)])];
    fixture.image("v1", { metadatas: [{ inodes }] });
    using tree = openImage(layout, "v1");
    const raw = { blob: digest.toString("hex"), compressed: false, hole: false };
    const hole = { blob: Buffer.from(zeros).toString("hex"), compressed: true, hole: true };
    t.deepEqual(fileRuns(tree.metadata, 2), [
      { ...raw, fileOffset: 0, length: 60, blobOffset: 40 },
      { ...hole, fileOffset: 60, length: 1, blobOffset: 0 },
      { ...raw, fileOffset: 61, length: 5, blobOffset: 0 },
    ]);
    t.deepEqual(fileRuns(tree.metadata, 1), []);
    t.deepEqual(fileRuns(tree.metadata, 7), []);
  });
});
