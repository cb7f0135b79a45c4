import { rmSync, writeFileSync } from "node:fs";
import test from "ava";
import { encodeRootfs, FormatError } from "@puzzlefs/format";
import { LayoutError } from "@puzzlefs/oci";
import { IntegrityError } from "./errors.ts";
import { dir, file, run, seekable, sha256, withFixture } from "./image-fixture.ts";
import { openImage } from "./image.ts";
import { verifyImage } from "./verify.ts";

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
}

test('verify: "blob" hashes a blob that is opened again', (t) => {
  withFixture((fixture, layout) => {
    const other = Buffer.alloc(content.length, "other ");
    const digest = fixture.chunk(content);
    const inodes = [
      dir(1, { f: 2, g: 3 }),
      file(2, [run(digest, 0, content.length)]),
      file(3, [run(fixture.chunk(other), 0, other.length)]),
    ];
    fixture.image("v1", { metadatas: [{ inodes }] });
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

for (const compressed of [false, true]) {
  test(`files at offsets of one ${compressed ? "compressed" : "raw"} blob, as other builders join chunks`, (t) => {
    withFixture((fixture, layout) => {
      const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * i) >> 7));
      const stored = compressed ? seekable(bytes, 2500) : bytes;
      const digest = fixture.chunk(stored, compressed);
      const starts = [0, 10_000, 37_501, 90_000];
      const names = Object.fromEntries(starts.map((_, i) => [`f${i}`, 2 + i]));
      const files = starts.map((start, i) =>
        file(2 + i, [run(digest, start, 10_000, compressed), run(digest, 5, 5, compressed)]),
      );
      fixture.image("v1", { metadatas: [{ inodes: [dir(1, names), ...files] }] });
      for (const options of [{}, { verify: "blob" }] as const) {
        const tree = openImage(layout, "v1", options);
        for (const [i, start] of starts.entries()) {
          const into = Buffer.alloc(10_005);
          t.is(tree.read(2 + i, 0, into), 10_005);
          t.deepEqual(into, Buffer.concat([bytes.subarray(start, start + 10_000), bytes.subarray(5, 10)]));
        }
        tree.close();
      }
      t.deepEqual(verifyImage(layout).problems, []);
    });
  });
}
