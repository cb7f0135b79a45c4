/** Every rule that the metadata of an image must keep, checked once before anything else reads it. */
import { followRootfs } from "./generated/checks.ts";
import { deviceFits } from "./device.ts";
import { DIGEST_BYTES } from "./digest.ts";
import { decreases, difference, fail, offsetOf, u32, view } from "./language.ts";
import type { Bytes, Items, Scratch, Value, u53 } from "./language.ts";
import { findDirRecord, findPlace, findShown, isHeld, MAX_LAYERS, MAX_LOOK_BELOW, ROOT_INO } from "./lookup.ts";
import type { Chunk, Dir, DirEntry, FileChunk, Inode, InodeAdditional, InodeVector, Rootfs } from "./metadata.ts";
import { compareNames, hasNul, hasSlash, isDots, MAX_NAME_BYTES, sameBytes } from "./names.ts";
import { checkedRoot } from "./wire.ts";
import type { Message } from "./wire.ts";

export const MANIFEST_VERSION: u53 = 3;
/** Above every number that the format counts with. */
export const NUMBER_END: u53 = 9007199254740992;
const MAX_PERMISSIONS: u32 = 4095;
const MAX_TARGET_BYTES: u32 = 4095;
const MAX_XATTR_VALUE_BYTES: u32 = 65536;
const NANOSECONDS: u32 = 1000000000;
/** Words that pointers may lead over, for each word of the message: a builder's objects are not shared. */
const WORK_PER_WORD: u32 = 4;

/** What validation has found out. */
export interface Summary extends Value {
  /** Visible inodes. */
  inodes: u53;
  /** Whether the names of every directory are in ascending order, so that they can be searched by halving. */
  sorted: boolean;
}

/** First step: the encoding. What it gives can be counted, to lend `validate` its memory. `work` is one number. */
export function checkEncoding(message: Message, work: Scratch<u53>): Rootfs {
  const part = checkedRoot(message);
  const image: Rootfs = view(part);
  if (image.manifestVersion !== MANIFEST_VERSION) fail("manifest-version", 0, offsetOf(image));
  work[0] = (message.bytes.length / 8) * WORK_PER_WORD;
  followRootfs(image, work);
  if (image.metadatas.length > MAX_LAYERS) fail("too-many-layers", 0, offsetOf(image));
  return image;
}

/** A sum that stays below 2^53. */
function checkSum(a: u53, b: u53, inode: Inode): void {
  if (a >= NUMBER_END || b >= NUMBER_END || b >= difference(NUMBER_END, a)) {
    fail("chunk-list-overflow", inode.ino, offsetOf(inode));
  }
}

function checkChunks(chunks: Items<FileChunk>, inode: Inode): void {
  let size: u53 = 0;
  for (const chunk of chunks) {
    const blob = chunk.blob;
    const len: u53 = chunk.len;
    if (blob.digest.length !== DIGEST_BYTES) fail("digest-length", inode.ino, offsetOf(chunk));
    checkSum(blob.offset, len, inode);
    checkSum(size, len, inode);
    size = size + len;
  }
}

function checkXattrs(additional: InodeAdditional, inode: Inode): void {
  for (const xattr of additional.xattrs) {
    const length: u32 = xattr.key.length;
    if (length === 0 || length > MAX_NAME_BYTES || hasNul(xattr.key)) fail("xattr-name", inode.ino, offsetOf(xattr));
    if (xattr.val.length > MAX_XATTR_VALUE_BYTES) fail("xattr-value", inode.ino, offsetOf(xattr));
  }
}

function checkName(entry: DirEntry, name: Bytes, inode: Inode): void {
  const at: u53 = offsetOf(entry);
  if (name.length === 0 || name.length > MAX_NAME_BYTES) fail("dir-entry-name-length", inode.ino, at);
  if (hasSlash(name)) fail("dir-entry-name-slash", inode.ino, at);
  if (hasNul(name)) fail("dir-entry-name-nul", inode.ino, at);
  if (isDots(name)) fail("dir-entry-name-dots", inode.ino, at);
}

/** The name that a permutation of a directory's entries has at `position`. */
function nameAt(entries: Items<DirEntry>, order: Scratch<u32>, position: u53): Bytes {
  return entries[order[position]].name;
}

/** Moves entry `start` of a heap of names down to its place. */
function siftDown(entries: Items<DirEntry>, order: Scratch<u32>, start: u32, end: u32): void {
  let root: u32 = start;
  for (let step: u32 = 0; step < 32; step++) {
    const left: u53 = root * 2 + 1;
    if (left >= end) return;
    let largest: u53 = left;
    if (left + 1 < end && compareNames(nameAt(entries, order, left), nameAt(entries, order, left + 1)) === 0)
      largest = left + 1;
    if (compareNames(nameAt(entries, order, root), nameAt(entries, order, largest)) !== 0) return;
    const moved: u32 = order[root];
    order[root] = order[largest];
    order[largest] = moved;
    root = u32(largest);
  }
}

/** Sorts the names of a directory whose builder did not, and refuses one that is there twice. */
function checkUnsorted(dir: Dir, inode: Inode, order: Scratch<u32>): void {
  const entries = dir.entries;
  const count: u32 = entries.length;
  for (let i: u32 = 0; i < count; i++) order[i] = i;
  for (let i: u32 = 0; i < count / 2; i++) siftDown(entries, order, u32(difference(count / 2, i + 1)), count);
  for (let i: u32 = 1; i < count; i++) {
    const last: u32 = u32(difference(count, i));
    const moved: u32 = order[0];
    order[0] = order[last];
    order[last] = moved;
    siftDown(entries, order, 0, last);
  }
  for (let i: u32 = 1; i < count; i++) {
    const entry = entries[order[i]];
    if (sameBytes(nameAt(entries, order, difference(i, 1)), entry.name))
      fail("dir-entry-duplicate", inode.ino, offsetOf(entry));
  }
}

/** Checks the entries of a directory record; gives whether they are sorted. */
function checkDir(image: Rootfs, dir: Dir, inode: Inode, order: Scratch<u32>): boolean {
  const entries = dir.entries;
  let sorted: boolean = true;
  let previous: Bytes = entries[0].name.slice(0, 0);
  for (const entry of entries) {
    const name = entry.name;
    const ino: u53 = entry.ino;
    checkName(entry, name, inode);
    if (ino === ROOT_INO) fail("dir-entry-root", inode.ino, offsetOf(entry));
    if (!isHeld(image, ino)) fail("dir-entry-dangling", inode.ino, offsetOf(entry));
    // No name is empty: the first one comes after what `previous` starts with.
    const comparison: u32 = compareNames(previous, name);
    if (comparison === 1) fail("dir-entry-duplicate", inode.ino, offsetOf(entry));
    if (comparison === 2) sorted = false;
    previous = name;
  }
  if (!sorted && dir.lookBelow) fail("look-below-unsorted", inode.ino, offsetOf(inode));
  if (!sorted) checkUnsorted(dir, inode, order);
  return sorted;
}

/** Checks what every inode record must keep, superseded or not; gives whether its names are sorted. */
function checkRecord(image: Rootfs, inode: Inode, order: Scratch<u32>): boolean {
  const kind = inode.mode.kind;
  const at: u53 = offsetOf(inode);
  const additional = inode.additional;
  if (kind === "invalid" || kind === "unknown") fail("inode-kind", inode.ino, at);
  if (inode.permissions > MAX_PERMISSIONS) fail("permissions-range", inode.ino, at);
  if (inode.mtimeNanoseconds >= NANOSECONDS) fail("mtime-nanoseconds", inode.ino, at);
  if (kind === "chr" && !deviceFits(inode.mode.chr.major, inode.mode.chr.minor)) fail("device-number", inode.ino, at);
  if (kind === "blk" && !deviceFits(inode.mode.blk.major, inode.mode.blk.minor)) fail("device-number", inode.ino, at);
  if (kind === "lnk") {
    const target = additional.symlinkTarget;
    if (target.length === 0 || target.length > MAX_TARGET_BYTES || hasNul(target))
      fail("symlink-target", inode.ino, at);
  }
  checkXattrs(additional, inode);
  if (kind === "file") checkChunks(inode.mode.file, inode);
  if (kind !== "dir") return true;
  const sorted = checkDir(image, inode.mode.dir, inode, order);
  return sorted;
}

/** Inode numbers of a layer: in range, and ascending. */
function checkOrder(layer: InodeVector): void {
  let previous: u53 = 0;
  for (const inode of layer.inodes) {
    if (inode.ino === 0 || inode.ino >= NUMBER_END) fail("ino-range", inode.ino, offsetOf(inode));
    if (inode.ino <= previous) fail("ino-order", inode.ino, offsetOf(inode));
    previous = inode.ino;
  }
}

function checkDigests(image: Rootfs): void {
  for (const item of image.fsVerityData) {
    if (item.digest.length !== DIGEST_BYTES || item.verity.length !== DIGEST_BYTES)
      fail("digest-length", 0, offsetOf(item));
  }
}

/** The table of chunks: ascending, and no two overlap. */
function checkChunkTable(chunks: Items<Chunk>): void {
  for (let i: u32 = 0; i < chunks.length; i++) {
    const chunk = chunks[i];
    const at: u53 = offsetOf(chunk);
    const stored: u32 = chunk.storedDigest.length;
    const content: u32 = chunk.contentDigest.length;
    if (chunk.blob.digest.length !== DIGEST_BYTES || stored !== DIGEST_BYTES || content !== DIGEST_BYTES) {
      fail("digest-length", 0, at);
    }
    if (chunk.blob.offset >= NUMBER_END || chunk.length >= difference(NUMBER_END, chunk.blob.offset)) {
      fail("chunk-table-range", 0, at);
    }
    if (i > 0) {
      const before = chunks[difference(i, 1)];
      const comparison: u32 = compareNames(before.blob.digest, chunk.blob.digest);
      const end = before.blob.offset + before.length;
      if (comparison === 2 || (comparison === 1 && end > chunk.blob.offset)) fail("chunk-table-order", 0, at);
    }
  }
}

function countName(links: Scratch<u32>, ordinal: u53): void {
  links[ordinal] = u32(links[ordinal] + 1);
}

/** Notes that a directory shows an inode: counts its names, and gives each directory its one parent. */
function enter(inode: Inode, ordinal: u53, parent: u53, links: Scratch<u32>, parents: Scratch<u53>): void {
  if (inode.mode.kind !== "dir") {
    countName(links, ordinal);
    return;
  }
  if (parents[ordinal] !== 0) fail("dir-parents", inode.ino, offsetOf(inode));
  parents[ordinal] = parent;
  links[ordinal] = 2;
}

/**
 * Walks the effective tree from its root: every directory has one parent, none is its own ancestor, and none of the
 * newest layer is out of reach (an older layer may hold what is superseded). Gives the number of visible inodes.
 */
function checkTree(image: Rootfs, links: Scratch<u32>, parents: Scratch<u53>, queue: Scratch<u53>): u53 {
  const root = findPlace(image, ROOT_INO);
  if (root === undefined) fail("root-inode", ROOT_INO, offsetOf(image));
  if (root.inode.mode.kind !== "dir") fail("root-inode", ROOT_INO, offsetOf(root.inode));
  enter(root.inode, root.ordinal, ROOT_INO, links, parents);
  queue[0] = ROOT_INO;
  let queued: u53 = 1;
  let visible: u53 = 1;
  for (let i: u53 = 0; i < queued; i++) {
    const dir: u53 = queue[i];
    const above = findPlace(image, dir);
    if (above === undefined) continue;
    let layer: u32 = 0;
    let recordsAbove: u32 = 0;
    while (layer < MAX_LAYERS) {
      decreases(MAX_LAYERS - layer);
      const record = findDirRecord(image, dir, layer);
      if (record === undefined) break;
      if (recordsAbove > MAX_LOOK_BELOW) fail("look-below-depth", dir, offsetOf(above.inode));
      recordsAbove = u32(recordsAbove + 1);
      for (const entry of record.entries) {
        const shown = findShown(image, record.layer, dir, entry);
        if (shown === undefined) continue;
        enter(shown.inode, shown.ordinal, dir, links, parents);
        if (shown.inode.mode.kind === "dir") {
          countName(links, above.ordinal);
          queue[queued] = shown.inode.ino;
          queued = queued + 1;
        }
        if (shown.inode.mode.kind === "dir" || links[shown.ordinal] === 1) visible = visible + 1;
      }
      if (!record.lookBelow) break;
      layer = u32(record.layer + 1);
    }
  }
  checkReach(image, parents);
  return visible;
}

function checkReach(image: Rootfs, parents: Scratch<u53>): void {
  const newest = image.metadatas[0].inodes;
  for (let i: u32 = 0; i < newest.length; i++) {
    const inode = newest[i];
    if (inode.mode.kind === "dir" && parents[i] === 0) fail("dir-unreachable", inode.ino, offsetOf(inode));
  }
}

/**
 * Second step: every rule. `links`, `parents` and `queue` have room for countRecords(image) numbers, `order` for
 * largestDirectory(image). Leaves in `links` the number of links of each record that is visible, in `parents` the
 * parent directory of each visible directory; the record's ordinal is the index.
 */
export function validate(
  image: Rootfs,
  links: Scratch<u32>,
  parents: Scratch<u53>,
  queue: Scratch<u53>,
  order: Scratch<u32>,
): Summary {
  let sorted: boolean = true;
  for (const layer of image.metadatas) {
    checkOrder(layer);
  }
  checkDigests(image);
  checkChunkTable(image.chunks);
  for (const layer of image.metadatas) {
    for (const inode of layer.inodes) {
      const recordSorted = checkRecord(image, inode, order);
      sorted = sorted && recordSorted;
    }
  }
  const visible = checkTree(image, links, parents, queue);
  return { inodes: visible, sorted: sorted };
}
