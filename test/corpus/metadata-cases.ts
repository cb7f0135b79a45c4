/** Metadata blobs that break a rule: of the encoding, then of what is encoded. */
import { encodeRootfs, MAX_LAYERS, MAX_LOOK_BELOW } from "@puzzlefs/format";
import type { DirEntryValue, InodeValue, RootfsValue } from "@puzzlefs/format";
import type { CorpusCase } from "./corpus-case.ts";

const metadata = (rule: string, bytes: Uint8Array, size?: number): CorpusCase => ({
  rule,
  object: "metadata",
  bytes,
  ...(size === undefined ? {} : { size }),
});

/* Pointers of Cap'n Proto: an offset in words from the word after the pointer, and sizes. */
const structPointer = (offset: number, words: number, pointers: number): bigint =>
  BigInt.asUintN(32, BigInt(offset * 4)) | (BigInt(words) << 32n) | (BigInt(pointers) << 48n);
const listPointer = (offset: number, element: number, count: number): bigint =>
  BigInt.asUintN(32, BigInt(offset * 4 + 1)) | (BigInt(element) << 32n) | (BigInt(count) << 35n);
const farPointer = (segment: number, word: number, double = 0): bigint =>
  BigInt(word * 8 + double * 4 + 2) | (BigInt(segment) << 32n);

const COMPOSITE = 7;
const EIGHT_BYTES = 5;

/** A message of one segment. */
function message(...words: bigint[]): Uint8Array {
  const all = BigUint64Array.of(BigInt(words.length) << 32n, ...words);
  return new Uint8Array(all.buffer);
}

/** A Rootfs of version 3 whose list of layers is behind `pointer`; `rest` follows. */
const rootWithLayers = (pointer: bigint, ...rest: bigint[]): Uint8Array =>
  message(structPointer(0, 1, 2), 3n, pointer, 0n, ...rest);

/** Layers that share one list of inodes, all of them zeros: `words` words for `count` inodes. */
function sharedInodes(layerCount: number, words: number, count: number): Uint8Array {
  const pointers = Array.from({ length: layerCount }, (_, i) => listPointer(layerCount - 1 - i, COMPOSITE, words));
  const inodes = [structPointer(count, words / count, 0), ...Array.from({ length: words }, () => 0n)];
  return rootWithLayers(listPointer(1, COMPOSITE, layerCount), structPointer(layerCount, 0, 1), ...pointers, ...inodes);
}

export function encodingCases(): CorpusCase[] {
  const whole = encodeRootfs(image([]));
  return [
    metadata("message-too-large", whole, 2 ** 32 - 1),
    metadata("message-truncated", whole.slice(0, -8)),
    metadata("message-segments", new Uint8Array(BigUint64Array.of(512n).buffer)),
    metadata("message-trailing-bytes", Buffer.concat([whole, Buffer.alloc(8)])),
    metadata("root-missing", message()),
    metadata("pointer-out-of-bounds", message(structPointer(0, 1, 2), 3n, 0n)),
    metadata("pointer-kind", message(3n)),
    metadata("far-pointer-segment", message(farPointer(1, 0))),
    metadata("far-pointer-out-of-bounds", message(farPointer(0, 1))),
    metadata("far-pointer-chain", message(farPointer(0, 1), farPointer(0, 2), 0n)),
    metadata("far-pointer-tag", message(farPointer(0, 1, 1), farPointer(0, 3), structPointer(1, 1, 2), 3n, 0n, 0n)),
    metadata("list-element-size", rootWithLayers(listPointer(1, EIGHT_BYTES, 1), 0n)),
    metadata("list-tag", rootWithLayers(listPointer(1, COMPOSITE, 1), structPointer(2, 0, 1), 0n)),
    metadata("list-empty-structs", rootWithLayers(listPointer(1, COMPOSITE, 0), structPointer(1000, 0, 0))),
    metadata("traversal-limit", sharedInodes(10, 20, 4)),
    metadata("too-many-inodes", sharedInodes(1, 40, 40)),
  ];
}

const DIGEST = Buffer.alloc(32, 0xab);
/** 2^53 - 1. The numbers of hostile images are their own, so that a wrong one in schema/ is noticed. */
const LARGEST = Number.MAX_SAFE_INTEGER;

const inode = (ino: number, mode: InodeValue["mode"], more: Partial<InodeValue> = {}): InodeValue => ({
  ino,
  mode,
  uid: 0,
  gid: 0,
  permissions: 0o755,
  ...more,
});

const entry = (name: string | Uint8Array, ino: number): DirEntryValue => ({ ino, name: Buffer.from(name) });
const dir = (ino: number, entries: DirEntryValue[], lookBelow = false): InodeValue =>
  inode(ino, { kind: "dir", dir: { entries, lookBelow } });

/** A root directory that holds `inodes` under the names of their numbers. */
function image(inodes: InodeValue[]): RootfsValue {
  const root = dir(
    1,
    inodes.map(({ ino }) => entry(String(ino), ino)),
  );
  return { metadatas: [{ inodes: [root, ...inodes] }], fsVerityData: [], manifestVersion: 3 };
}

const layers = (...metadatas: InodeValue[][]): RootfsValue => ({
  metadatas: metadatas.map((inodes) => ({ inodes })),
  manifestVersion: 3,
});

const file = (digest: Uint8Array, offset: number, len: number): InodeValue =>
  inode(2, { kind: "file", file: [{ blob: { digest, offset }, len }] });

const xattr = (key: Uint8Array, val: Uint8Array): InodeValue =>
  inode(2, { kind: "fifo" }, { additional: { xattrs: [{ key, val }] } });

const longXattr = { key: Buffer.from("user.".padEnd(255, "x")), val: Buffer.of() };

/** A root directory with the entries, and a fifo of number 2. */
const entries = (...list: DirEntryValue[]): RootfsValue => layers([dir(1, list), inode(2, { kind: "fifo" })]);

/** A directory with what an image records of it. */
const withTree = (made: InodeValue, links: number, parent: number): InodeValue =>
  made.mode.kind === "dir" ? { ...made, mode: { kind: "dir", dir: { ...made.mode.dir, links, parent } } } : made;

/** An image of a root directory and a file of one byte that records its tree. */
const recorded: RootfsValue = {
  ...layers([withTree(dir(1, [entry("2", 2)]), 2, 1), file(DIGEST, 0, 1)]),
  inodes: 2,
  contentBytes: 1,
  traits: 0,
};

function broken(): Record<string, RootfsValue> {
  const fifo = inode(2, { kind: "fifo" });
  return {
    "manifest-version": { ...image([]), manifestVersion: 4 },
    "too-many-layers": { ...image([]), metadatas: Array.from({ length: MAX_LAYERS + 1 }, () => ({})) },
    "ino-range": layers([fifo, { ...fifo, ino: 0 }].toReversed()),
    "ino-order": image([fifo, fifo]),
    "inode-kind": image([inode(2, { kind: "unknown" })]),
    "permissions-range": image([{ ...fifo, permissions: 0o10000 }]),
    "mtime-nanoseconds": image([{ ...fifo, mtimeNanoseconds: 1e9 }]),
    "device-number": image([inode(2, { kind: "chr", chr: { major: 4096, minor: 0 } })]),
    "symlink-target": image([inode(2, { kind: "lnk" }, { additional: { symlinkTarget: Buffer.from("a\0b") } })]),
    "xattr-name": image([xattr(Buffer.from("user.\0"), Buffer.of())]),
    "xattr-names": image([
      inode(2, { kind: "fifo" }, { additional: { xattrs: Array.from({ length: 257 }, () => longXattr) } }),
    ]),
    "xattr-value": image([xattr(Buffer.from("user.a"), Buffer.alloc(65537))]),
    "digest-length": image([file(DIGEST.subarray(1), 0, 1)]),
    "chunk-list-overflow": image([file(DIGEST, LARGEST, 1)]),
    "dir-entry-name-length": entries(entry("n".repeat(256), 2)),
    "dir-entry-name-slash": entries(entry("../etc", 2)),
    "dir-entry-name-nul": entries(entry("a\0b", 2)),
    "dir-entry-name-dots": entries(entry("..", 2)),
    "dir-entry-duplicate": entries(entry("a", 2), entry("b", 2), entry("a", 2)),
    "dir-entry-root": entries(entry("a", 1)),
    "dir-entry-dangling": entries(entry("a", 3)),
    "look-below-depth": layers(...Array.from({ length: MAX_LOOK_BELOW + 2 }, () => [dir(1, [], true)])),
    "look-below-unsorted": layers([dir(1, [entry("b", 2), entry("a", 2)], true), fifo]),
    "root-inode": layers([fifo]),
    "dir-parents": image([dir(2, [entry("again", 3)]), dir(3, [])]),
    "recorded-totals": { ...recorded, contentBytes: 2 },
    "recorded-links": { ...recorded, ...layers([withTree(dir(1, [entry("2", 2)]), 3, 1), file(DIGEST, 0, 1)]) },
    "recorded-parent": { ...recorded, ...layers([withTree(dir(1, [entry("2", 2)]), 2, 2), file(DIGEST, 0, 1)]) },
    "recorded-unsorted": {
      ...recorded,
      ...layers([withTree(dir(1, [entry("b", 2), entry("a", 2)]), 2, 1), file(DIGEST, 0, 1)]),
    },
    "dir-unreachable": layers([dir(1, []), dir(2, [entry("3", 3)]), dir(3, [entry("2", 2)])]),
  };
}

export const valueCases = (): CorpusCase[] =>
  Object.entries(broken()).map(([rule, value]) => metadata(rule, encodeRootfs(value)));
