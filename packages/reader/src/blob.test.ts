import { mkdirSync, truncateSync } from "node:fs";
import test from "ava";
import fc from "@puzzlefs/testing/fast-check";
import { FormatError } from "@puzzlefs/format";
import { Layout } from "@puzzlefs/oci";
import { BlobCache } from "./blob-cache.ts";
import { blobKey } from "./blob-key.ts";
import { IntegrityError } from "./errors.ts";
import { ImageFixture, seekable, seekTable } from "./image-fixture.ts";
import type { SeekTableEntry } from "./image-fixture.ts";

const content = Buffer.alloc(300_000, "not random, not too regular either; ").map((byte, i) => byte ^ (i >> 9));
const limits = { openBlobs: 4, frameBytes: 1 << 16 };

function withFixture<T>(use: (fixture: ImageFixture, blobs: BlobCache) => T): T {
  const fixture = new ImageFixture();
  const blobs = new BlobCache(Layout.open(fixture.directory).blobs, limits);
  try {
    return use(fixture, blobs);
  } finally {
    blobs.close();
    fixture.remove();
  }
}

test("any range of a blob reads as it was written, raw or in frames of any size", (t) => {
  withFixture((fixture, blobs) => {
    const keys = [blobKey(fixture.blob(content), false)];
    for (const size of [1000, 4096, 65536, content.length])
      keys.push(blobKey(fixture.blob(seekable(content, size)), true));
    const ranges = fc.tuple(fc.nat(content.length), fc.nat(content.length), fc.nat(keys.length - 1));
    fc.assert(
      fc.property(ranges, ([a, b, i]) => {
        const [start, end] = [Math.min(a, b), Math.max(a, b)];
        const into = Buffer.alloc(end - start);
        blobs.read(keys[i] as string, start, into, end, 2);
        return into.equals(content.subarray(start, end));
      }),
      { numRuns: 500 },
    );
    t.pass();
  });
});

test("the checksums of a seek table are skipped", (t) => {
  withFixture((fixture, blobs) => {
    const plain = seekable(content, 100_000);
    const entries = plain.subarray(plain.length - 9 - 3 * 8, plain.length - 9);
    // The numbers of the seekable format by hand: its writer here makes no checksums.
    const table = Buffer.alloc(8 + 3 * 12 + 9);
    table.writeUInt32LE(0x184d2a5e, 0);
    table.writeUInt32LE(table.length - 8, 4);
    for (let i = 0; i < 3; i++) entries.copy(table, 8 + i * 12, i * 8, i * 8 + 8);
    table.writeUInt32LE(3, table.length - 9);
    table.writeUInt8(0x80, table.length - 5);
    table.writeUInt32LE(0x8f92eab1, table.length - 4);
    const key = blobKey(fixture.blob(Buffer.concat([plain.subarray(0, plain.length - 17 - 3 * 8), table])), true);
    const into = Buffer.alloc(10);
    blobs.read(key, 199_995, into, 200_005, 2);
    t.deepEqual(into, Buffer.from(content.subarray(199_995, 200_005)));
  });
});

function tamperedFrames(change: (entries: SeekTableEntry[]) => void, junk = Buffer.alloc(0)): Buffer {
  const sound = seekable(content, 100_000);
  const entries: SeekTableEntry[] = [];
  for (let i = 0; i < 3; i++) {
    const at = sound.length - 9 - (3 - i) * 8;
    entries.push({ stored: sound.readUInt32LE(at), length: sound.readUInt32LE(at + 4) });
  }
  const frames = sound.subarray(0, sound.length - 17 - 3 * 8);
  change(entries);
  return Buffer.concat([frames, junk, seekTable(entries)]);
}

const hostile: Record<string, Buffer> = {
  "longer frame": tamperedFrames(([first]) => void ((first as SeekTableEntry).length += 1)),
  "shorter frame": tamperedFrames(([first]) => void ((first as SeekTableEntry).length -= 1)),
  "sizes of two frames exchanged": tamperedFrames((entries) => {
    const [first, second] = entries as [SeekTableEntry, SeekTableEntry];
    first.length -= 1000;
    second.length += 1000;
  }),
  "frame of 4 GiB": tamperedFrames(([first]) => void ((first as SeekTableEntry).length = 0xffffffff)),
  "frames that end before the table": tamperedFrames(() => undefined, Buffer.alloc(5)),
  "frames beyond the table": tamperedFrames(([first]) => void ((first as SeekTableEntry).stored += 1)),
  "frame boundary moved": tamperedFrames(([first, second]) => {
    (first as SeekTableEntry).stored += 1;
    (second as SeekTableEntry).stored -= 1;
  }),
  "more frames than bytes": (() => {
    const blob = Buffer.from(seekable(content, 100_000));
    blob.writeUInt32LE(0x7ffffff, blob.length - 9);
    return blob;
  })(),
  "no magic number": (() => {
    const blob = Buffer.from(seekable(content, 100_000));
    blob.writeUInt32LE(0, blob.length - 4);
    return blob;
  })(),
  "reserved bits": (() => {
    const blob = Buffer.from(seekable(content, 100_000));
    blob.writeUInt8(0x7c, blob.length - 5);
    return blob;
  })(),
  "not compressed at all": Buffer.from(content),
  empty: Buffer.alloc(0),
};

for (const [name, bytes] of Object.entries(hostile)) {
  test(`refuses a compressed blob: ${name}`, (t) => {
    withFixture((fixture, blobs) => {
      const key = blobKey(fixture.blob(bytes), true);
      const readAll = (): void => {
        const { length } = blobs.open(key);
        for (let at = 0; at < length; at += 1 << 16) {
          const end = Math.min(at + (1 << 16), length);
          blobs.read(key, at, Buffer.alloc(end - at), end, 2);
        }
      };
      const error = t.throws(readAll);
      t.true(error instanceof FormatError || error instanceof IntegrityError, String(error));
      t.regex(String(error), /blob sha256:[0-9a-f]{64}/);
    });
  });
}

test("a run beyond the end of its blob is the image's fault, even when its start is read", (t) => {
  withFixture((fixture, blobs) => {
    for (const key of [blobKey(fixture.blob(content), false), blobKey(fixture.blob(seekable(content, 4096)), true)]) {
      const error = t.throws(() => blobs.read(key, 0, Buffer.alloc(10), content.length + 1, 77), {
        instanceOf: FormatError,
      });
      t.is(error.inode, 77);
      t.regex(error.object, /^blob sha256:/);
    }
  });
});

test("names the blob that is missing, truncated or not a file", (t) => {
  withFixture((fixture, blobs) => {
    const missing = Buffer.alloc(32, 0xab);
    const into = Buffer.alloc(10);
    t.throws(() => blobs.read(blobKey(missing, false), 0, into, 10, 2), {
      instanceOf: IntegrityError,
      message: `blob sha256:${"ab".repeat(32)} is missing from the store`,
    });
    const digest = fixture.blob(content);
    blobs.read(blobKey(digest, false), 0, into, 10, 2);
    truncateSync(fixture.blobPath(digest), 100);
    t.throws(() => blobs.read(blobKey(digest, false), 95, into, 105, 2), { message: /ends early.*byte 100/ });
    mkdirSync(fixture.blobPath(missing));
    t.throws(() => blobs.open(blobKey(missing, true)), { message: /cannot be read \(not a regular file\)/ });
  });
});

test("reads through closed and opened blobs alike", (t) => {
  withFixture((fixture, blobs) => {
    const keys = Array.from({ length: 20 }, (_, i) => {
      const bytes = Buffer.concat([Buffer.from([i]), content.subarray(0, 9999)]);
      return blobKey(fixture.blob(i % 2 === 0 ? bytes : seekable(bytes, 4096)), i % 2 === 1);
    });
    const into = Buffer.alloc(1);
    for (const i of [...keys.keys(), ...keys.keys()]) {
      blobs.read(keys[i] as string, 0, into, 1, 2);
      t.is(into[0], i);
    }
  });
});

test("a read touches the frames that it needs and no others", (t) => {
  withFixture((fixture, blobs) => {
    const bytes = Buffer.from(seekable(content, 4096));
    const middle = Math.floor(bytes.length / 2);
    // Frames in the middle are destroyed: reads before and after them must not notice.
    bytes.fill(0, middle - 200, middle + 200);
    const key = blobKey(fixture.blob(bytes), true);
    const into = Buffer.alloc(20_000);
    blobs.read(key, 0, into, content.length, 2);
    t.true(into.equals(content.subarray(0, 20_000)));
    blobs.read(key, content.length - 20_000, into, content.length, 2);
    t.true(into.equals(content.subarray(-20_000)));
    t.throws(() => blobs.read(key, 0, Buffer.alloc(content.length), content.length, 2), { instanceOf: IntegrityError });
  });
});
