import { rmSync, writeFileSync } from "node:fs";
import test from "ava";
import { encodeRootfs, FormatError } from "@puzzlefs/format";
import { LayoutError } from "@puzzlefs/oci";
import { IntegrityError } from "./errors.ts";
import { dir, file, run, seekable, sha256, withFixture } from "./image-fixture.ts";
import { openImage } from "./image.ts";

const content = Buffer.alloc(100_000, "content ");

const rootOnly = { metadatas: [{ inodes: [dir(1, {})] }] };

test("opens by tag and by digest", (t) => {
  withFixture((fixture, layout) => {
    const digest = fixture.image("v1", rootOnly);
    for (const reference of ["v1", digest, `sha256:${digest}`]) {
      const tree = openImage(layout, reference);
      t.is(tree.manifestDigest, digest);
      tree.close();
    }
    t.throws(() => openImage(layout, "v2"), { instanceOf: LayoutError });
  });
});

test("a broken rule names the metadata blob", (t) => {
  withFixture((fixture, layout) => {
    fixture.image("v1", { metadatas: [{ inodes: [dir(1, { "a/b": 2 }), file(2, [])] }] });
    const error = t.throws(() => openImage(layout, "v1"), { instanceOf: FormatError });
    t.is(error.rule, "dir-entry-name-slash");
    t.regex(error.object, /^metadata blob sha256:[0-9a-f]{64}$/);
    t.true(error.offset > 0);
  });
});

test("metadata that does not have its digest is refused before it is parsed", (t) => {
  withFixture((fixture, layout) => {
    fixture.image("v1", rootOnly);
    const metadata = encodeRootfs({ ...rootOnly, fsVerityData: [], manifestVersion: 3 });
    const path = fixture.blobPath(sha256(metadata));
    writeFileSync(path, metadata.fill(0xff, 8));
    t.throws(() => openImage(layout, "v1"), { instanceOf: IntegrityError, message: /metadata blob .* sha256/ });
    rmSync(path);
    t.throws(() => openImage(layout, "v1"), { instanceOf: IntegrityError, message: /metadata blob .* missing/ });
  });
});

test("verity= is refused where the kernel does not enforce it", (t) => {
  withFixture((fixture, layout) => {
    fixture.image("v1", rootOnly);
    t.throws(() => openImage(layout, "v1", { verity: "00".repeat(32) }), {
      instanceOf: IntegrityError,
      message: /fs-verity/,
    });
  });
});

for (const compressed of [false, true]) {
  test(`verify: "blob" hashes a ${compressed ? "compressed" : "raw"} chunk before its first use`, (t) => {
    withFixture((fixture, layout) => {
      const stored = Buffer.from(compressed ? seekable(content, 4096) : content);
      const digest = fixture.chunk(stored);
      const inodes = [dir(1, { f: 2 }), file(2, [run(digest, 0, content.length, compressed)])];
      fixture.image("v1", { metadatas: [{ inodes }] });
      const into = Buffer.alloc(100);
      const sound = openImage(layout, "v1", { verify: "blob" });
      t.is(sound.read(2, 50_000, into), 100);
      sound.close();
      stored.writeUInt8(stored.readUInt8(20) ^ 1, 20);
      writeFileSync(fixture.blobPath(digest), stored);
      const trusting = openImage(layout, "v1");
      t.is(trusting.read(2, 50_000, into), 100);
      trusting.close();
      const tree = openImage(layout, "v1", { verify: "blob" });
      t.throws(() => tree.read(2, 50_000, into), { instanceOf: IntegrityError, message: /does not have the sha256/ });
      tree.close();
    });
  });

  test(`verify: "blob" checks a chunk of a ${compressed ? "compressed" : "raw"} pack by itself`, (t) => {
    withFixture((fixture, layout) => {
      const stored = Buffer.from(compressed ? seekable(content, 10_000) : content);
      const ends = frameEnds(stored, compressed);
      const digest = fixture.chunk(stored);
      const chunks = Array.from({ length: 10 }, (_, i) => ({
        blob: { digest, offset: i * 10_000, compressed },
        length: 10_000,
        storedDigest: sha256(stored.subarray(ends[i], ends[i + 1])),
        contentDigest: sha256(content.subarray(i * 10_000, (i + 1) * 10_000)),
      }));
      const inodes = [dir(1, { f: 2 }), file(2, [run(digest, 0, content.length, compressed)])];
      fixture.image("v1", { metadatas: [{ inodes }], chunks });
      const damaged = ends[4] as number;
      stored.writeUInt8(stored.readUInt8(damaged + 15) ^ 1, damaged + 15);
      writeFileSync(fixture.blobPath(digest), stored);
      const tree = openImage(layout, "v1", { verify: "blob" });
      const into = Buffer.alloc(5000);
      for (const offset of [0, 35_000, 50_000, 92_000]) t.is(tree.read(2, offset, into), 5000);
      t.deepEqual(into, content.subarray(92_000, 97_000));
      for (const offset of [38_000, 40_000, 49_999]) {
        t.throws(() => tree.read(2, offset, into), { instanceOf: IntegrityError, message: /chunk at 40000/ });
      }
      tree.close();
    });
  });
}

for (const withTable of [false, true]) {
  test(`verify: "blob" hashes a blob that is opened again${withTable ? ", chunk by chunk" : ""}`, (t) => {
    withFixture((fixture, layout) => {
      const other = Buffer.alloc(content.length, "other ");
      const digest = fixture.chunk(content);
      const inodes = [
        dir(1, { f: 2, g: 3 }),
        file(2, [run(digest, 0, content.length)]),
        file(3, [run(fixture.chunk(other), 0, other.length)]),
      ];
      const chunk = { blob: { digest, offset: 0, compressed: false }, length: content.length };
      const chunks = withTable ? [{ ...chunk, storedDigest: digest, contentDigest: digest }] : [];
      fixture.image("v1", { metadatas: [{ inodes }], chunks });
      const tree = openImage(layout, "v1", { verify: "blob", openBlobs: 1 });
      const into = Buffer.alloc(10);
      t.is(tree.read(2, 50, into), 10);
      t.is(tree.read(3, 50, into), 10);
      // Another file in its place, not the one that was hashed.
      rmSync(fixture.blobPath(digest));
      writeFileSync(fixture.blobPath(digest), other);
      t.throws(() => tree.read(2, 50, into), { instanceOf: IntegrityError });
      tree.close();
    });
  });
}

test('verify: "blob" hashes a whole pack where its table of chunks has a gap', (t) => {
  withFixture((fixture, layout) => {
    const stored = Buffer.from(content);
    const digest = fixture.chunk(stored);
    const chunks = [10_000, 30_000].map((offset) => {
      const chunkDigest = sha256(content.subarray(offset, offset + 10_000));
      const blob = { digest, offset, compressed: false };
      return { blob, length: 10_000, storedDigest: chunkDigest, contentDigest: chunkDigest };
    });
    const inodes = [dir(1, { f: 2 }), file(2, [run(digest, 0, content.length)])];
    fixture.image("v1", { metadatas: [{ inodes }], chunks });
    stored.writeUInt8(stored.readUInt8(5) ^ 1, 5);
    writeFileSync(fixture.blobPath(digest), stored);
    const tree = openImage(layout, "v1", { verify: "blob" });
    t.is(tree.read(2, 12_000, Buffer.alloc(10)), 10);
    for (const offset of [0, 19_995, 25_000, 95_000]) {
      t.throws(() => tree.read(2, offset, Buffer.alloc(10)), { instanceOf: IntegrityError }, String(offset));
    }
    tree.close();
  });
});

function frameEnds(stored: Buffer, compressed: boolean): number[] {
  if (!compressed) return Array.from({ length: 11 }, (_, i) => i * 10_000);
  const ends = [0];
  for (let i = 0; i < 10; i++) ends.push((ends[i] as number) + stored.readUInt32LE(stored.length - 9 - (10 - i) * 8));
  return ends;
}
