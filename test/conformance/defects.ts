/** Changes of one value in an image, most of which break a rule. */
import type { DirEntryValue, FileChunkValue, InodeValue, RootfsValue, XattrValue } from "@puzzlefs/format";
import type { Random } from "@puzzlefs/testing";

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/** An image that may be changed in place, down to the parts that a defect touches. */
const copy = (value: RootfsValue): Writable<RootfsValue> => structuredClone(value);

const NAMES = ["", ".", "..", "a/b", "/", "a\0", "\0", "...", "z".repeat(255), "z".repeat(256)];
/** 2^53 - 1 is the largest; numbers of hostile images are their own, so that a wrong one in schema/ is noticed. */
const NUMBERS = [0, 1, 2 ** 32, 2 ** 52, Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER];

/** Moves, drops or doubles an element of a list. */
function rearranged<T>(list: readonly T[], random: Random): T[] {
  const at = random.below(list.length);
  const result = [...list];
  const [taken] = result.splice(at, 1);
  if (taken === undefined || random.once(3)) return result;
  const copies = random.once(2) ? [taken] : [taken, structuredClone(taken)];
  result.splice(random.below(result.length + 1), 0, ...copies);
  return result;
}

function spoilEntry(entry: Writable<DirEntryValue>, inos: readonly number[], random: Random): void {
  if (random.once(2)) entry.name = Buffer.from(random.pick(NAMES), "latin1");
  else entry.ino = random.pick([0, 1, 99999, ...inos, ...inos]);
}

function spoilChunk(chunk: Writable<FileChunkValue>, random: Random): void {
  const blob = { offset: 0, ...chunk.blob };
  const turn = random.below(3);
  if (turn === 0) chunk.len = random.pick(NUMBERS);
  else if (turn === 1) chunk.blob = { ...blob, offset: random.pick(NUMBERS) };
  else chunk.blob = { ...blob, digest: random.bytes(random.pick([0, 31, 33, 32])) };
}

function spoilXattr(xattr: Writable<XattrValue>, random: Random): void {
  if (random.once(2)) xattr.key = random.bytes(random.pick([0, 1, 255, 256]));
  else xattr.val = random.bytes(random.pick([0, 65536, 65537]));
}

/** Members that depend on an inode's kind. */
function spoilContent(inode: Writable<InodeValue>, inos: readonly number[], random: Random): void {
  const { mode, additional } = inode;
  if (mode.kind === "dir") {
    const dir: Writable<typeof mode.dir> = { ...mode.dir };
    const { entries = [] } = dir;
    const turn = random.below(5);
    if (turn === 0) dir.links = random.pick([0, 1, 2, 3, 2 ** 32 - 1]);
    else if (turn === 1) dir.parent = random.pick([0, 1, ...inos, Number.MAX_SAFE_INTEGER]);
    else if (random.once(4)) dir.lookBelow = dir.lookBelow !== true;
    else if (entries.length > 0 && random.once(2)) dir.entries = rearranged(entries, random);
    else if (entries.length > 0) spoilEntry(random.pick(entries), inos, random);
    inode.mode = { kind: "dir", dir };
  } else if (mode.kind === "file" && mode.file.length > 0) {
    spoilChunk(random.pick(mode.file), random);
  } else if (mode.kind === "chr") {
    mode.chr = { major: random.pick([4095, 4096]), minor: random.pick([0, 1048575, 1048576]) };
  } else if (mode.kind === "blk") {
    mode.blk = { major: random.pick([0, 4096, 2 ** 40]), minor: random.pick([0, 1048576]) };
  } else if (mode.kind === "lnk") {
    const symlinkTarget = random.bytes(random.pick([0, 1, 4095, 4096])).map((byte) => byte || (random.once(9) ? 0 : 1));
    inode.additional = { ...additional, symlinkTarget };
  }
}

function spoilInode(inode: Writable<InodeValue>, inos: readonly number[], random: Random): void {
  const turn = random.below(12);
  const xattrs = inode.additional?.xattrs ?? [];
  if (turn === 0) inode.permissions = random.pick([0o7777, 0o10000, 0xffff]);
  else if (turn === 1) inode.mtimeNanoseconds = random.pick([999999999, 1e9, 0xffffffff]);
  else if (turn === 2) inode.ino = random.pick([0, 1, inode.ino + 1, ...inos, Number.MAX_SAFE_INTEGER]);
  else if (turn === 3) inode.mode = { kind: random.pick(["unknown", "wht", "fifo", "lnk"] as const) };
  else if (turn === 4) inode.mode = { kind: "dir", dir: {} };
  else if (turn === 6) inode.additional = { ...inode.additional, links: random.pick([0, 1, 2, 2 ** 32 - 1]) };
  else if (turn === 5 && xattrs.length > 0) spoilXattr(random.pick(xattrs), random);
  else spoilContent(inode, inos, random);
}

/** The image with one change. */
export function spoiled(original: RootfsValue, random: Random): RootfsValue {
  const value = copy(original);
  const { metadatas = [], fsVerityData = [] } = value;
  const layer: Writable<(typeof metadatas)[number]> = random.pick(metadatas);
  const { inodes = [] } = layer;
  const turn = random.below(20);
  if (turn === 0) value.manifestVersion = random.pick([0, 2, 4]);
  else if (turn === 1) value.metadatas = rearranged(metadatas, random);
  else if (turn === 2) value.metadatas = Array.from({ length: random.pick([128, 129]) }, (_, i) => metadatas[i] ?? {});
  else if (turn === 3 && fsVerityData.length > 0)
    value.fsVerityData = [{ digest: random.bytes(31), verity: random.bytes(32) }];
  else if (turn < 7 && inodes.length > 0) layer.inodes = rearranged(inodes, random);
  else if (turn === 7) value.inodes = random.pick([0, 1, (value.inodes ?? 0) + 1, Number.MAX_SAFE_INTEGER]);
  else if (turn === 8) value.contentBytes = random.pick([0, ...NUMBERS]);
  else if (turn === 9) value.traits = random.below(32);
  else if (inodes.length > 0)
    spoilInode(
      random.pick(inodes),
      inodes.map(({ ino }) => ino),
      random,
    );
  return value;
}
