/** Runs of the blob of zeros: holes, which are read without it. */
import { mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { FormatError, ZERO_BLOB_BYTES, ZERO_BLOB_DIGEST, ZERO_FRAME_BYTES } from "@puzzlefs/format";
import type { FileChunkValue } from "@puzzlefs/format";
import { Layout } from "@puzzlefs/oci";
import test from "ava";
import fc from "@puzzlefs/testing/fast-check";
import { IntegrityError } from "./errors.ts";
import { extract } from "./extract.ts";
import { dir, file, ImageFixture, run, seekTable, sha256 } from "./image-fixture.ts";
import { openImage } from "./image.ts";
import type { ImageTree } from "./image-tree.ts";
import { catPath } from "./path-queries.ts";
import { verifyImage } from "./verify.ts";

const zeros = Buffer.from(ZERO_BLOB_DIGEST.toUint8Array());
const tebibyte = 2 ** 40;
const hole = (len: number, offset = 0): FileChunkValue => run(zeros, offset, len, true);
const holes = (length: number): FileChunkValue[] =>
  Array.from({ length: length / ZERO_BLOB_BYTES }, () => hole(ZERO_BLOB_BYTES));

/** By hand, as nothing here writes blobs. */
function zeroBlob(): Buffer {
  const blocks = Array.from({ length: 8 }, (_, i) => [i === 7 ? 3 : 2, 0, 0x10, 0]);
  const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0x10, 0, ...blocks.flat()]);
  const frames = ZERO_BLOB_BYTES / ZERO_FRAME_BYTES;
  const entries = Array.from({ length: frames }, () => ({ stored: frame.length, length: ZERO_FRAME_BYTES }));
  return Buffer.concat([...entries.map(() => frame), seekTable(entries)]);
}

/** An image with one file, `/file`, of these runs. The blob of zeros is not there unless it is made. */
function withImage(
  runs: (fixture: ImageFixture) => FileChunkValue[],
  use: (tree: ImageTree, fixture: ImageFixture, layout: Layout) => void,
  verify: "none" | "blob" = "none",
): void {
  const fixture = new ImageFixture();
  try {
    const inodes = [dir(1, { file: 2 }), file(2, runs(fixture))];
    const fsVerityData = [{ digest: zeros, verity: Buffer.alloc(32) }];
    fixture.image("v1", { metadatas: [{ inodes }], fsVerityData });
    using layout = Layout.open(fixture.directory);
    const tree = openImage(layout, "v1", { verify });
    use(tree, fixture, layout);
    tree.close();
  } finally {
    fixture.remove();
  }
}

for (const verify of ["none", "blob"] as const) {
  test(`a hole is read without its blob: verify ${verify}`, (t) => {
    const data = (fixture: ImageFixture): FileChunkValue => run(fixture.chunk(Buffer.from("data")), 0, 4);
    const runs = (fixture: ImageFixture): FileChunkValue[] => [
      hole(10),
      data(fixture),
      hole(7, 3),
      hole(5),
      data(fixture),
    ];
    const expected = Buffer.from(`${"\0".repeat(10)}data${"\0".repeat(12)}data`);
    withImage(
      runs,
      (tree, fixture) => {
        t.deepEqual(
          Buffer.concat([...catPath(tree, Buffer.from("/file"))].map((piece) => Buffer.from(piece))),
          expected,
        );
        const into = Buffer.alloc(9, "x");
        t.is(tree.read(2, 8, into), 9);
        t.deepEqual(into, expected.subarray(8, 17));
        const target = join(fixture.directory, "target");
        mkdirSync(target);
        t.is(extract(tree, target).bytes, expected.length);
        t.is(statSync(join(target, "file")).size, expected.length);
      },
      verify,
    );
  });
}

test("a TiB of a hole is extracted as a hole, and any part of it read at once", (t) => {
  withImage(
    (fixture) => [...holes(tebibyte), run(fixture.chunk(Buffer.from("end")), 0, 3)],
    (tree, fixture) => {
      const target = join(fixture.directory, "target");
      extract(tree, target);
      const { size, blocks } = statSync(join(target, "file"));
      t.is(size, tebibyte + 3);
      t.true(blocks * 512 < 100_000, `${blocks} blocks`);
      const into = Buffer.alloc(1 << 20, "x");
      t.is(tree.read(2, tebibyte / 2, into), into.length);
      t.true(into.equals(Buffer.alloc(1 << 20)));
      t.is(tree.attributes(2)?.dataSize, 3);
      t.deepEqual(tree.extent(2, 0), { hole: true, end: tebibyte });
      t.deepEqual(tree.extent(2, tebibyte + 1), { hole: false, end: tebibyte + 3 });
    },
  );
});

const outside: [title: string, chunk: FileChunkValue][] = [
  ["one byte too long", hole(ZERO_BLOB_BYTES + 1)],
  ["from an offset, one byte too long", hole(2, ZERO_BLOB_BYTES - 1)],
  ["from an offset behind it", hole(1, 2 ** 40)],
  ["as long as can be, from as far as can be", hole(2 ** 52, 2 ** 52 - 1)],
];

for (const [title, chunk] of outside) {
  test(`a run that is not inside the blob of zeros is as wrong as in any blob: ${title}`, (t) => {
    withImage(
      () => [chunk],
      (tree, fixture) => {
        t.throws(() => tree.read(2, 0, Buffer.alloc(1)), { instanceOf: IntegrityError, message: /missing/ });
        t.deepEqual(fixture.blob(zeroBlob()), zeros);
        t.throws(() => tree.read(2, 0, Buffer.alloc(1)), { instanceOf: FormatError, message: /chunk-outside-blob/ });
        t.false(tree.extent(2, 0).hole);
        t.throws(() => extract(tree, join(fixture.directory, "target")), { message: /chunk-outside-blob/ });
      },
    );
  });
}

test("read as a raw blob, the blob of zeros is its stored bytes", (t) => {
  const blob = zeroBlob();
  withImage(
    () => [run(zeros, 0, blob.length)],
    (tree, fixture) => {
      fixture.blob(blob);
      t.false(tree.extent(2, 0).hole);
      const into = Buffer.alloc(blob.length);
      tree.read(2, 0, into);
      t.deepEqual(sha256(into), zeros);
    },
    "blob",
  );
});

test("verify checks the blob of zeros by its digest: missing, damaged, whole", (t) => {
  const runs = (fixture: ImageFixture): FileChunkValue[] => {
    fixture.chunk(zeroBlob(), true);
    return holes(tebibyte);
  };
  withImage(runs, (_, fixture, layout) => {
    const errors = (): string[] =>
      verifyImage(layout, "v1").problems.flatMap(({ severity, message }) => (severity === "error" ? [message] : []));
    const start = performance.now();
    // The recorded fs-verity digest is none.
    t.regex(errors().join("\n"), /^blob sha256:52074b\S+ has fs-verity digest [^\n]*$/);
    t.true(performance.now() - start < 5000);
    rmSync(fixture.blobPath(zeros));
    t.regex(errors().join("\n"), /missing/);
  });
});

test("extents are those of the runs one by one", (t) => {
  const lengths = fc.array(fc.record({ isHole: fc.boolean(), length: fc.integer({ min: 0, max: 5 }) }), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(lengths, (parts) => {
      const kinds = parts.flatMap(({ isHole, length }) => Array.from({ length }, () => isHole));
      const runs = parts.map(({ isHole, length }) => (isHole ? hole(length) : run(Buffer.alloc(32, 1), 0, length)));
      withImage(
        () => runs,
        (tree) => {
          kinds.forEach((kind, at) => {
            const next = kinds.indexOf(!kind, at);
            t.deepEqual(tree.extent(2, at), { hole: kind, end: next < 0 ? kinds.length : next });
          });
          t.is(tree.attributes(2)?.dataSize, kinds.filter((kind) => !kind).length);
        },
      );
    }),
    { numRuns: 60 },
  );
});
