/** Checks every rule of the metadata of an image, once, before anything else reads it. */
import { followRootfs } from "./generated/checks.ts";
import { deviceFits } from "./device.ts";
import { DIGEST_BYTES } from "./digest.ts";
import { MAX_PERMISSIONS } from "./filetypes.ts";
import { SLASH } from "./ascii.ts";
import { decreases, difference, fail, offsetOf, u32, U53_END, view } from "./language.ts";
import type { Bytes, Items, Scratch, Value, u53 } from "./language.ts";
import { findDirRecord, isHidden, MAX_LOOK_BELOW } from "./directories.ts";
import {
  countRecords,
  findInode,
  hasInode,
  MAX_LAYERS,
  newestRecord,
  openLayers,
  resolveInode,
  ROOT_INO,
} from "./layers.ts";
import type { Layers } from "./layers.ts";
import type { Dir, DirEntry, FileChunk, Inode, InodeAdditional, InodeVector, Rootfs } from "./metadata.ts";
import { INDEX_HEAD } from "./nameindex.ts";
import { compareNames, hasNul, isDots, MAX_NAME_BYTES, MAX_TARGET_BYTES, NO_SEPARATOR, separator } from "./names.ts";
import { checkRecorded, recordsTree } from "./recorded.ts";
import { checkedRoot } from "./wire.ts";
import type { Message } from "./wire.ts";

/** Version of the format. */
export const MANIFEST_VERSION: u53 = 3;
/** Largest length of the value of an extended attribute. */
export const MAX_XATTR_VALUE_BYTES: u32 = 0x10000;
/** Largest length of the names of all extended attributes of an inode, each with a NUL: what listxattr(2) returns. */
export const MAX_XATTR_NAMES_BYTES: u32 = 0x10000;
/**
 * Largest number of runs of a file: more than the largest metadata has room for, unless runs share their BlobRef. In the kernel a
 * run takes 32 bytes.
 */
export const MAX_RUNS: u32 = 0x1000000;
/** Bytes of the smallest inode: its number, and the word with its kind. */
export const MIN_INODE_BYTES: u32 = 16;
/** Nanoseconds of a second. */
export const NANOSECONDS: u32 = 1000000000;
/** Words that all pointers together may lead over, for each word of the message: builders do not share objects. */
export const WORK_PER_WORD: u32 = 4;

/** The results of validation. */
export interface Summary extends Value {
  /** Visible inodes. */
  inodes: u53;
  /** Directory records whose names are not in ascending order. */
  unsorted: u32;
  /** Numbers in the index of their names, which indexNames fills. */
  index: u53;
}

/** The root of the metadata; sets the work that the size of the message allows. */
export function openRootfs(message: Message, work: Scratch<u53>): Rootfs {
  const part = checkedRoot(message);
  const image: Rootfs = view(part);
  if (image.manifestVersion !== MANIFEST_VERSION) fail("manifest-version", 0, offsetOf(image));
  work[0] = (message.bytes.length / 8) * WORK_PER_WORD;
  return image;
}

/**
 * First step: checks the encoding. After it, countRecords returns how much memory `validate` needs. `work` is one number.
 */
export function checkEncoding(message: Message, work: Scratch<u53>): Rootfs {
  const image = openRootfs(message, work);
  followRootfs(image, work);
  checkCounts(message, image);
  return image;
}

/** Checks that the layers, and the inodes of all of them, are few enough to be counted and given memory. */
export function checkCounts(message: Message, image: Rootfs): void {
  if (image.metadatas.length > MAX_LAYERS) fail("too-many-layers", 0, offsetOf(image));
  if (countRecords(image) > message.bytes.length / MIN_INODE_BYTES) fail("too-many-inodes", 0, offsetOf(image));
}

/** Checks that a sum is less than U53_END. */
function checkSum(a: u53, b: u53, inode: Inode): void {
  if (a >= U53_END || b >= U53_END || b >= difference(U53_END, a)) {
    fail("chunk-list-overflow", inode.ino, offsetOf(inode));
  }
}

function checkChunks(chunks: Items<FileChunk>, inode: Inode): void {
  let size: u53 = 0;
  if (chunks.length > MAX_RUNS) fail("too-many-runs", inode.ino, offsetOf(inode));
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
  let names: u32 = 0;
  for (const xattr of additional.xattrs) {
    const length: u32 = xattr.key.length;
    if (length === 0 || length > MAX_NAME_BYTES || hasNul(xattr.key)) fail("xattr-name", inode.ino, offsetOf(xattr));
    if (xattr.val.length > MAX_XATTR_VALUE_BYTES) fail("xattr-value", inode.ino, offsetOf(xattr));
    names = u32(names + length + 1);
    if (names > MAX_XATTR_NAMES_BYTES) fail("xattr-names", inode.ino, offsetOf(xattr));
  }
}

function checkName(entry: DirEntry, name: Bytes, inode: Inode): void {
  const at: u53 = offsetOf(entry);
  if (name.length === 0 || name.length > MAX_NAME_BYTES) fail("dir-entry-name-length", inode.ino, at);
  const found: u32 = separator(name);
  if (found === SLASH) fail("dir-entry-name-slash", inode.ino, at);
  if (found !== NO_SEPARATOR) fail("dir-entry-name-nul", inode.ino, at);
  if (isDots(name)) fail("dir-entry-name-dots", inode.ino, at);
}

/** Checks the entries of a directory record; returns whether they are sorted. */
function checkDir(dir: Dir, inode: Inode): boolean {
  const entries = dir.entries;
  let sorted: boolean = true;
  let previous: Bytes = entries[0].name.slice(0, 0);
  for (const entry of entries) {
    const name = entry.name;
    checkName(entry, name, inode);
    if (entry.ino === ROOT_INO) fail("dir-entry-root", inode.ino, offsetOf(entry));
    // No name is empty: the first one comes after the initial `previous`.
    const comparison: u32 = compareNames(previous, name);
    if (comparison === 1) fail("dir-entry-duplicate", inode.ino, offsetOf(entry));
    if (comparison === 2) sorted = false;
    previous = name;
  }
  if (!sorted && dir.lookBelow) fail("look-below-unsorted", inode.ino, offsetOf(inode));
  return sorted;
}

/** Checks the rules of every inode record, superseded or not; returns whether its names are sorted. */
export function checkRecord(inode: Inode): boolean {
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
  const sorted = checkDir(inode.mode.dir, inode);
  return sorted;
}

/** Checks that the inode numbers of a layer are in range, and ascend. */
function checkOrder(layer: InodeVector): void {
  let previous: u53 = 0;
  for (const inode of layer.inodes) {
    const ino: u53 = inode.ino;
    if (ino === 0 || ino >= U53_END) fail("ino-range", ino, offsetOf(inode));
    if (ino <= previous) fail("ino-order", ino, offsetOf(inode));
    previous = ino;
  }
}

function checkDigests(image: Rootfs): void {
  for (const item of image.fsVerityData) {
    if (item.digest.length !== DIGEST_BYTES || item.verity.length !== DIGEST_BYTES)
      fail("digest-length", 0, offsetOf(item));
  }
}

function countName(links: Scratch<u32>, ordinal: u53): void {
  links[ordinal] = u32(links[ordinal] + 1);
}

/** Checks that some layer has the inode of an entry of directory `dir`. */
export function checkTarget(layers: Layers, entry: DirEntry, dir: u53): void {
  if (!hasInode(layers, entry.ino)) fail("dir-entry-dangling", dir, offsetOf(entry));
}

/** Checks that the root is there, and a directory. */
export function checkRoot(image: Rootfs): void {
  const root = findInode(image, ROOT_INO);
  if (root === undefined) fail("root-inode", ROOT_INO, offsetOf(image));
  if (root.mode.kind !== "dir") fail("root-inode", ROOT_INO, offsetOf(root));
}

/**
 * Walks the effective tree from its root, and checks that every directory has one parent, that none is its own ancestor, and
 * that all of the newest layer are reached (those of older layers may be superseded). Returns the number of visible inodes.
 */
function checkTree(image: Rootfs, links: Scratch<u32>, parents: Scratch<u53>, queue: Scratch<u53>): u53 {
  const layers = openLayers(image);
  checkRoot(image);
  const root = resolveInode(layers, ROOT_INO);
  if (root === undefined) return 0;
  parents[root.ordinal] = ROOT_INO;
  links[root.ordinal] = 2;
  queue[0] = ROOT_INO;
  let queued: u53 = 1;
  let visible: u53 = 1;
  for (let i: u53 = 0; i < queued; i++) {
    const dir: u53 = queue[i];
    const above = resolveInode(layers, dir);
    if (above === undefined) continue;
    let layer: u32 = 0;
    let recordsAbove: u32 = 0;
    while (layer < MAX_LAYERS) {
      decreases(MAX_LAYERS - layer);
      const record = findDirRecord(layers, dir, layer);
      if (record === undefined) break;
      if (recordsAbove > MAX_LOOK_BELOW) fail("look-below-depth", dir, offsetOf(above.inode));
      recordsAbove = u32(recordsAbove + 1);
      for (const entry of record.entries) {
        if (record.covered && isHidden(layers, record.layer, dir, entry.name)) {
          checkTarget(layers, entry, dir);
          continue;
        }
        const shown = newestRecord(layers, entry.ino);
        if (shown === undefined) fail("dir-entry-dangling", dir, offsetOf(entry));
        if (shown.inode.mode.kind === "wht") continue;
        const ordinal: u53 = shown.ordinal;
        if (shown.inode.mode.kind !== "dir") {
          if (links[ordinal] === 0) visible = visible + 1;
          countName(links, ordinal);
          continue;
        }
        if (parents[ordinal] !== 0) fail("dir-parents", entry.ino, offsetOf(shown.inode));
        parents[ordinal] = dir;
        links[ordinal] = 2;
        countName(links, above.ordinal);
        queue[queued] = entry.ino;
        queued = queued + 1;
        visible = visible + 1;
      }
      if (!record.lookBelow) break;
      layer = u32(record.layer + 1);
    }
  }
  checkUnreached(layers, parents);
  return visible;
}

/** Checks the directory records that the walk did not reach: none is of the newest layer, and their entries' inodes exist. */
function checkUnreached(layers: Layers, parents: Scratch<u53>): void {
  let ordinal: u53 = 0;
  for (let layer: u32 = 0; layer < layers.all.length; layer++) {
    for (const inode of layers.all[layer].inodes) {
      if (inode.mode.kind === "dir" && parents[ordinal] === 0) {
        if (layer === 0) fail("dir-unreachable", inode.ino, offsetOf(inode));
        for (const entry of inode.mode.dir.entries) checkTarget(layers, entry, inode.ino);
      }
      ordinal = u32(ordinal) + 1;
    }
  }
}

/**
 * Second step: every rule but one. `links`, `parents` and `queue` are zeroed and have room for countRecords(image) numbers.
 * Afterwards `links` has the number of links of each visible record, `parents` the parent directory of each visible
 * directory; the index is the ordinal of the record.
 *
 * If `unsorted` of the summary is not 0, indexNames is the third step: it refuses duplicate names.
 */
export function validate(image: Rootfs, links: Scratch<u32>, parents: Scratch<u53>, queue: Scratch<u53>): Summary {
  const layers = image.metadatas;
  let unsorted: u32 = 0;
  let index: u53 = 0;
  let largest: u32 = 0;
  for (const layer of layers) {
    checkOrder(layer);
  }
  checkDigests(image);
  for (const layer of layers) {
    for (const inode of layer.inodes) {
      const sorted = checkRecord(inode);
      if (!sorted) {
        if (recordsTree(image)) fail("recorded-unsorted", inode.ino, offsetOf(inode));
        const names: u32 = inode.mode.dir.entries.length;
        unsorted = u32(unsorted + 1);
        index = u32(index) + INDEX_HEAD + names;
        if (names > largest) largest = names;
      }
    }
  }
  const visible = checkTree(image, links, parents, queue);
  checkRecorded(image, links, parents, visible);
  return { inodes: visible, unsorted: unsorted, index: unsorted === 0 ? 0 : u32(index) + 1 + largest };
}
