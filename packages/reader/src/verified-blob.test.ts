/** `verify: "blob"`: the bytes that were hashed are the bytes that are served, each time they are read from the store. */
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import test from "ava";
import fc from "@puzzlefs/testing/fast-check";
import { FormatError } from "@puzzlefs/format";
import { Layout } from "@puzzlefs/oci";
import { BlobFile } from "./blob-file.ts";
import { IntegrityError } from "./errors.ts";
import { dir, file, ImageFixture, run, seekable } from "./image-fixture.ts";
import type { ImageTree } from "./image-tree.ts";
import { openImage } from "./image.ts";

const chunkSize = 10_000;
const chunkCount = 10;
const content = Buffer.from(Array.from({ length: chunkSize * chunkCount }, (_, i) => (i * i) >> 7));
const other = Buffer.alloc(content.length, "other ");

interface Form {
  title: string;
  compressed: boolean;
  /** Of a compressed blob. */
  frameSize: number;
}

const forms: Form[] = [
  { title: "raw blob", compressed: false, frameSize: 0 },
  { title: "compressed blob of two frames", compressed: true, frameSize: content.length / 2 },
  { title: "compressed blob of many frames", compressed: true, frameSize: 4096 },
];

interface Made {
  tree: ImageTree;
  /** The stored bytes of file 2. */
  stored: Buffer;
  path: string;
}

/** File 2 has `content`, file 3 other bytes in the same form; little of either is cached. */
function withImage({ compressed, frameSize }: Form, use: (made: Made) => void): void {
  const fixture = new ImageFixture();
  try {
    const store = (bytes: Buffer): Buffer => fixture.chunk(compressed ? seekable(bytes, frameSize) : bytes, compressed);
    const [first, second] = [store(content), store(other)] as const;
    const inodes = [
      dir(1, { a: 2, b: 3 }),
      file(2, [run(first, 0, content.length, compressed)]),
      file(3, [run(second, 0, other.length, compressed)]),
    ];
    fixture.image("v1", { metadatas: [{ inodes }] });
    const options = { verify: "blob", frameCacheBytes: 4 * chunkSize } as const;
    const tree = openImage(Layout.open(fixture.directory), "v1", options);
    const stored = Buffer.from(compressed ? seekable(content, frameSize) : content);
    use({ tree, stored, path: fixture.blobPath(first) });
    tree.close();
  } finally {
    fixture.remove();
  }
}

/** Changes a file in place: the same inode, as a process with write permission to the store can. */
function overwrite(path: string, bytes: Uint8Array): void {
  const descriptor = openSync(path, "r+");
  writeSync(descriptor, bytes, 0, bytes.length, 0);
  ftruncateSync(descriptor, bytes.length);
  closeSync(descriptor);
}

/** Reads all of a file through pieces that are not whole chunks. */
function readAll(tree: ImageTree, ino: number): Buffer {
  const bytes = Buffer.alloc(content.length);
  for (let at = 0; at < bytes.length; at += 7000) tree.read(ino, at, bytes.subarray(at, at + 7000));
  return bytes;
}

for (const form of forms) {
  test(`${form.title}: what changes in place after its first use is not served`, (t) => {
    withImage(form, ({ tree, stored, path }) => {
      t.true(readAll(tree, 2).equals(content));
      // In front of the seek table, of which not every byte matters.
      for (let at = 15; at < stored.length - 400; at += 997) {
        const changed = Buffer.from(stored);
        changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
        overwrite(path, changed);
        t.true(readAll(tree, 3).equals(other), "in between others take the place in the cache");
        const error = t.throws(() => readAll(tree, 2), undefined, `byte ${at}`);
        t.true(error instanceof IntegrityError || error instanceof FormatError, String(error));
        overwrite(path, stored);
        t.true(readAll(tree, 3).equals(other));
        t.true(readAll(tree, 2).equals(content), "sound again");
      }
    });
  });

  test.serial(`${form.title}: other bytes at each second read of the store are not served`, (t) => {
    const read: typeof BlobFile.prototype.read = Reflect.get(BlobFile.prototype, "read");
    for (const parity of [0, 1]) {
      withImage(form, ({ tree, stored }) => {
        let reads = 0;
        BlobFile.prototype.read = function (into, position) {
          Reflect.apply(read, this, [into, position]);
          const isStored = stored.subarray(position, position + into.length).equals(into);
          if (isStored && reads++ % 2 === parity) into.fill(0x45, 0, Math.max(0, into.length - 100));
        };
        try {
          for (const [offset, length] of [
            [0, 5000],
            [0, content.length],
            [2500, 20_000],
            [chunkSize, chunkSize],
            [99_000, 1000],
          ] as const) {
            const into = Buffer.alloc(length);
            readAll(tree, 3);
            try {
              tree.read(2, offset, into);
            } catch (error) {
              t.true(error instanceof IntegrityError || error instanceof FormatError, String(error));
              continue;
            }
            t.true(into.equals(content.subarray(offset, offset + length)), `${length} at ${offset}`);
          }
          t.true(reads > 1);
        } finally {
          BlobFile.prototype.read = read;
        }
      });
    }
  });

  if (!form.compressed) continue;
  test(`${form.title}: a wrong seek table leads to an error or to the right bytes`, (t) => {
    withImage(form, ({ tree, stored, path }) => {
      const tableBytes = 17 + 8 * Math.ceil(content.length / form.frameSize);
      const start = stored.length - tableBytes;
      const change = fc.tuple(fc.nat(tableBytes - 1), fc.nat(255));
      const moved = fc.tuple(fc.nat((tableBytes - 17) / 8 - 2), fc.integer({ min: -300, max: 300 }), fc.boolean());
      const property = (bytes: Buffer): boolean => {
        overwrite(path, bytes);
        readAll(tree, 3);
        try {
          return readAll(tree, 2).equals(content);
        } catch (error) {
          return error instanceof IntegrityError || error instanceof FormatError;
        }
      };
      fc.assert(
        fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
          const bytes = Buffer.from(stored);
          for (const [at, value] of changes) bytes.writeUInt8(value, start + at);
          return property(bytes);
        }),
        { numRuns: 100 },
      );
      // The sums stay right: a boundary between two frames moves, in the blob or in its content.
      fc.assert(
        fc.property(moved, ([frame, by, inBlob]) => {
          const bytes = Buffer.from(stored);
          const at = start + 8 + frame * 8 + (inBlob ? 0 : 4);
          const [one, two] = [bytes.readUInt32LE(at) + by, bytes.readUInt32LE(at + 8) - by];
          if (one < 0 || two < 0) return true;
          bytes.writeUInt32LE(one, at);
          bytes.writeUInt32LE(two, at + 8);
          return property(bytes);
        }),
        { numRuns: 200 },
      );
      overwrite(path, stored);
      t.true(readAll(tree, 2).equals(content));
    });
  });
}

test("a blob of more than 16 MiB cannot be verified; reading it is refused", (t) => {
  const fixture = new ImageFixture();
  const layout = Layout.open(fixture.directory);
  for (const compressed of [false, true]) {
    for (const more of [0, 1]) {
      const large = Buffer.alloc((1 << 24) + more);
      const digest = fixture.chunk(compressed ? seekable(large, 1 << 20) : large, compressed);
      const tag = `v${more}-${compressed}`;
      const inodes = [dir(1, { f: 2 }), file(2, [run(digest, 0, large.length, compressed)])];
      fixture.image(tag, { metadatas: [{ inodes }] });
      const tree = openImage(layout, tag, { verify: "blob" });
      const read = (): number => tree.read(2, 1 << 20, Buffer.alloc(10));
      const message = /blob sha256:.*16 MiB/;
      if (more === 0) t.is(read(), 10);
      else t.is(t.throws(read, { instanceOf: IntegrityError, message }).reason, "unverifiable");
      tree.close();
    }
  }
  fixture.remove();
});
