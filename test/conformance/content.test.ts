/** Binary searches of the specification, compared with a search of the whole list. */
import {
  Bytes,
  contentBytes,
  dataSize,
  encodeRootfs,
  findVerity,
  isHole,
  openMetadata,
  ZERO_BLOB_BYTES,
  ZERO_BLOB_DIGEST,
} from "@puzzlefs/format";
import type { InodeValue, RootfsValue } from "@puzzlefs/format";
import test from "ava";

const DIGEST_BYTES = 32;
const digest = (...start: number[]): Uint8Array => Buffer.alloc(DIGEST_BYTES).fill(Buffer.from(start), 0, start.length);

const open = (more: Partial<RootfsValue>): ReturnType<typeof openMetadata>["image"] => {
  const root = { ino: 1, mode: { kind: "dir", dir: {} }, uid: 0, gid: 0, permissions: 0o755 } as const;
  return openMetadata(encodeRootfs({ metadatas: [{ inodes: [root] }], manifestVersion: 3, ...more })).image;
};

/** Few different bytes, so that digests share beginnings. */
const DIGESTS = [0, 1, 127, 128, 255].flatMap((first) => [0, 1, 255].map((second) => digest(first, second)));
const OTHERS = [digest(2), digest(0, 0, 1), digest(255, 255, 255), Buffer.alloc(31), Buffer.alloc(33), Buffer.alloc(0)];

const same = (a: Uint8Array | undefined, b: Uint8Array): boolean => Buffer.compare(a ?? Buffer.of(), b) === 0;

for (const count of [0, 1, 2, DIGESTS.length]) {
  test(`the fs-verity digests of ${count} blobs are found, and no others`, (t) => {
    const recorded = DIGESTS.slice(0, count);
    const image = open({ fsVerityData: recorded.map((blob, i) => ({ digest: blob, verity: digest(100 + i) })) });
    for (const blob of [...DIGESTS, ...OTHERS]) {
      const at = recorded.findIndex((known) => same(known, blob));
      t.deepEqual(
        findVerity(image, Bytes.of(blob))?.toUint8Array(),
        at === -1 ? undefined : new Uint8Array(digest(100 + at)),
      );
    }
  });
}

test("a run is a hole inside the blob of zeros, read as compressed, and nowhere else", (t) => {
  const zeros = ZERO_BLOB_DIGEST.toUint8Array();
  const other = Buffer.from(zeros);
  other[31] = (other[31] ?? 0) ^ 1;
  const cases: [blob: Uint8Array, offset: number, len: number, compressed: boolean, isHole: boolean][] = [
    [zeros, 0, 1, true, true],
    [zeros, 0, ZERO_BLOB_BYTES, true, true],
    [zeros, 5, ZERO_BLOB_BYTES - 5, true, true],
    [zeros, 0, ZERO_BLOB_BYTES + 1, true, false],
    [zeros, 5, ZERO_BLOB_BYTES - 4, true, false],
    [zeros, ZERO_BLOB_BYTES + 1, 1, true, false],
    [zeros, Number.MAX_SAFE_INTEGER - 1, 1, true, false],
    [zeros, 0, 1, false, false],
    [other, 0, 1, true, false],
    [digest(), 0, 1, true, false],
  ];
  const file = cases.map(([blob, offset, len, compressed]) => ({ blob: { digest: blob, offset, compressed }, len }));
  const inode: InodeValue = { ino: 2, mode: { kind: "file", file }, uid: 0, gid: 0, permissions: 0o644 };
  const entries = [{ ino: 2, name: Buffer.from("file") }];
  const root: InodeValue = { ...inode, ino: 1, mode: { kind: "dir", dir: { entries } } };
  const { mode } = open({ metadatas: [{ inodes: [root, inode] }] })
    .metadatas.at(0)
    .inodes.at(1);
  const found = mode.kind === "file" ? mode.file : undefined;
  cases.forEach(([, , , , expected], i) => t.is(found && isHole(found.at(i), ZERO_BLOB_DIGEST), expected, `case ${i}`));
  const data = cases.reduce((sum, [, , len, , expected]) => sum + (expected ? 0 : len), 0);
  t.is(found && dataSize(found, ZERO_BLOB_DIGEST), data);
});

test("the bytes of all files count each file once, and stop at 2^53", (t) => {
  const inode = { uid: 0, gid: 0, permissions: 0o644 };
  const file = (ino: number, len: number): InodeValue => ({
    ...inode,
    ino,
    mode: { kind: "file", file: [{ blob: { digest: digest(), offset: 0 }, len }] },
  });
  const bytes = (...files: InodeValue[]): number => {
    const names = files.flatMap(({ ino }) => ["a", "b"].map((link) => ({ ino, name: Buffer.from(`${ino}${link}`) })));
    const root: InodeValue = { ...inode, ino: 1, mode: { kind: "dir", dir: { entries: names } } };
    const hidden = file(99, 1000);
    const { image, links } = openMetadata(
      encodeRootfs({ metadatas: [{ inodes: [root, ...files, hidden] }], manifestVersion: 3 }),
    );
    return contentBytes(image, links);
  };
  t.is(bytes(), 0);
  t.is(bytes(file(2, 5), file(3, 0), file(4, 7)), 12);
  t.is(bytes(file(2, Number.MAX_SAFE_INTEGER), file(3, Number.MAX_SAFE_INTEGER)), 2 ** 53);
});
