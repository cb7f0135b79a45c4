// Code generated from schema/validate.ts by make codegen. DO NOT EDIT.
import { U53_END, checkedAdd, failure, narrow, type Bytes } from "../runtime.ts";
import { type StructList } from "../struct-list.ts";
import { SLASH } from "./ascii.ts";
import { followRootfs } from "./checks.ts";
import { deviceFits } from "./device.ts";
import { DIGEST_BYTES } from "./digest.ts";
import { MAX_LOOK_BELOW, findDirRecord, isHidden } from "./directories.ts";
import { MAX_PERMISSIONS } from "./filetypes.ts";
import {
  MAX_LAYERS,
  ROOT_INO,
  countRecords,
  findInode,
  hasInode,
  newestRecord,
  openLayers,
  resolveInode,
  type Layers,
} from "./layers.ts";
import {
  DirEntry,
  FileChunk,
  Inode,
  InodeMode,
  InodeVector,
  Rootfs,
  VerityData,
  Xattr,
  type Dir,
  type InodeAdditional,
} from "./metadata.ts";
import { INDEX_HEAD } from "./nameindex.ts";
import { MAX_NAME_BYTES, MAX_TARGET_BYTES, NO_SEPARATOR, compareNames, hasNul, isDots, separator } from "./names.ts";
import { checkRecorded, recordsTree } from "./recorded.ts";
import { Rule } from "./rules.ts";
import { checkedRoot, dataField, element, listField, type Message, u53Field } from "./wire.ts";

/** Version of the format. */
export const MANIFEST_VERSION = 3;

/** Largest length of the value of an extended attribute. */
export const MAX_XATTR_VALUE_BYTES = 0x10000;

/** Largest length of the names of all extended attributes of an inode, each with a NUL: what listxattr(2) returns. */
export const MAX_XATTR_NAMES_BYTES = 0x10000;

/**
 * Largest number of runs of a file: more than the largest metadata has room for, unless runs share their BlobRef. In the kernel a
 * run takes 32 bytes.
 */
export const MAX_RUNS = 0x1000000;

/** Bytes of the smallest inode: its number, and the word with its kind. */
export const MIN_INODE_BYTES = 16;

/** Nanoseconds of a second. */
export const NANOSECONDS = 1000000000;

/** Words that all pointers together may lead over, for each word of the message: builders do not share objects. */
export const WORK_PER_WORD = 4;

/** The results of validation. */
export interface Summary {
  /** Visible inodes. */
  readonly inodes: number;
  /** Directory records whose names are not in ascending order. */
  readonly unsorted: number;
  /** Numbers in the index of their names, which indexNames fills. */
  readonly index: number;
}

/** The root of the metadata; sets the work that the size of the message allows. */
export function openRootfs(message: Message, work: Float64Array): Rootfs {
  const part = checkedRoot(message);
  const image = new Rootfs(part);
  if (image.manifestVersion !== MANIFEST_VERSION) {
    throw failure(Rule["manifest-version"], 0, image.part.at * 8);
  }
  work[0] = (message.bytes.length >>> 3) * WORK_PER_WORD;
  return image;
}

/** First step: checks the encoding. After it, countRecords returns how much memory `validate` needs. `work` is one number. */
export function checkEncoding(message: Message, work: Float64Array): Rootfs {
  const image = openRootfs(message, work);
  followRootfs(image, work);
  checkCounts(message, image);
  return image;
}

/** Checks that the layers, and the inodes of all of them, are few enough to be counted and given memory. */
export function checkCounts(message: Message, image: Rootfs): void {
  if (listField(image.part, 0).count > MAX_LAYERS) {
    throw failure(Rule["too-many-layers"], 0, image.part.at * 8);
  }
  if (countRecords(image) > message.bytes.length >>> 4) {
    throw failure(Rule["too-many-inodes"], 0, image.part.at * 8);
  }
}

/** Checks that a sum is less than U53_END. */
function checkSum(a: number, b: number, inode: Inode): void {
  if (a >= U53_END || b >= U53_END || b >= (U53_END > a ? U53_END - a : 0)) {
    throw failure(Rule["chunk-list-overflow"], inode.ino, inode.part.at * 8);
  }
}

function checkChunks(chunks: StructList<FileChunk>, inode: Inode): void {
  let size: number = 0;
  if (chunks.length > MAX_RUNS) {
    throw failure(Rule["too-many-runs"], inode.ino, inode.part.at * 8);
  }
  for (let chunkList = chunks.part, chunkIndex = 0; chunkIndex < chunkList.count; chunkIndex++) {
    const chunk = new FileChunk(element(chunkList, chunkIndex));
    const blob = chunk.blob;
    const len = chunk.len;
    if (dataField(blob.part, 0).length !== DIGEST_BYTES) {
      throw failure(Rule["digest-length"], inode.ino, chunk.part.at * 8);
    }
    checkSum(blob.offset, len, inode);
    checkSum(size, len, inode);
    size = checkedAdd(size, len);
  }
}

function checkXattrs(additional: InodeAdditional, inode: Inode): void {
  let names: number = 0;
  for (let xattrList = listField(additional.part, 0), xattrIndex = 0; xattrIndex < xattrList.count; xattrIndex++) {
    const xattr = new Xattr(element(xattrList, xattrIndex));
    const length = dataField(xattr.part, 0).length;
    if (length === 0 || length > MAX_NAME_BYTES || hasNul(xattr.key)) {
      throw failure(Rule["xattr-name"], inode.ino, xattr.part.at * 8);
    }
    if (dataField(xattr.part, 1).length > MAX_XATTR_VALUE_BYTES) {
      throw failure(Rule["xattr-value"], inode.ino, xattr.part.at * 8);
    }
    names = narrow(names + length + 1);
    if (names > MAX_XATTR_NAMES_BYTES) {
      throw failure(Rule["xattr-names"], inode.ino, xattr.part.at * 8);
    }
  }
}

function checkName(entry: DirEntry, name: Bytes, inode: Inode): void {
  const at = entry.part.at * 8;
  if (name.length === 0 || name.length > MAX_NAME_BYTES) {
    throw failure(Rule["dir-entry-name-length"], inode.ino, at);
  }
  const found = separator(name);
  if (found === SLASH) {
    throw failure(Rule["dir-entry-name-slash"], inode.ino, at);
  }
  if (found !== NO_SEPARATOR) {
    throw failure(Rule["dir-entry-name-nul"], inode.ino, at);
  }
  if (isDots(name)) {
    throw failure(Rule["dir-entry-name-dots"], inode.ino, at);
  }
}

/** Checks the entries of a directory record; returns whether they are sorted. */
function checkDir(dir: Dir, inode: Inode): boolean {
  const entries = dir.entries;
  let sorted: boolean = true;
  let previous: Bytes = dataField(element(entries.part, 0), 0).slice(0, 0);
  for (let entryList = entries.part, entryIndex = 0; entryIndex < entryList.count; entryIndex++) {
    const entry = new DirEntry(element(entryList, entryIndex));
    const name = entry.name;
    checkName(entry, name, inode);
    if (entry.ino === ROOT_INO) {
      throw failure(Rule["dir-entry-root"], inode.ino, entry.part.at * 8);
    }
    const comparison = compareNames(previous, name);
    if (comparison === 1) {
      throw failure(Rule["dir-entry-duplicate"], inode.ino, entry.part.at * 8);
    }
    if (comparison === 2) {
      sorted = false;
    }
    previous = name;
  }
  if (!sorted && dir.lookBelow) {
    throw failure(Rule["look-below-unsorted"], inode.ino, inode.part.at * 8);
  }
  return sorted;
}

/** Checks the rules of every inode record, superseded or not; returns whether its names are sorted. */
export function checkRecord(inode: Inode): boolean {
  const kind = InodeMode.kindOf(inode.part);
  const at = inode.part.at * 8;
  const additional = inode.additional;
  if (kind === "invalid" || kind === "unknown") {
    throw failure(Rule["inode-kind"], inode.ino, at);
  }
  if (inode.permissions > MAX_PERMISSIONS) {
    throw failure(Rule["permissions-range"], inode.ino, at);
  }
  if (inode.mtimeNanoseconds >= NANOSECONDS) {
    throw failure(Rule["mtime-nanoseconds"], inode.ino, at);
  }
  if (kind === "chr" && !deviceFits(u53Field(inode.mode.chr.part, 0), u53Field(inode.mode.chr.part, 8))) {
    throw failure(Rule["device-number"], inode.ino, at);
  }
  if (kind === "blk" && !deviceFits(u53Field(inode.mode.blk.part, 0), u53Field(inode.mode.blk.part, 8))) {
    throw failure(Rule["device-number"], inode.ino, at);
  }
  if (kind === "lnk") {
    const target = additional.symlinkTarget;
    if (target.length === 0 || target.length > MAX_TARGET_BYTES || hasNul(target)) {
      throw failure(Rule["symlink-target"], inode.ino, at);
    }
  }
  checkXattrs(additional, inode);
  if (kind === "file") {
    checkChunks(inode.mode.file, inode);
  }
  if (kind !== "dir") {
    return true;
  }
  const sorted = checkDir(inode.mode.dir, inode);
  return sorted;
}

/** Checks that the inode numbers of a layer are in range, and ascend. */
function checkOrder(layer: InodeVector): void {
  let previous: number = 0;
  for (let inodeList = listField(layer.part, 0), inodeIndex = 0; inodeIndex < inodeList.count; inodeIndex++) {
    const inode = new Inode(element(inodeList, inodeIndex));
    const ino = inode.ino;
    if (ino === 0 || ino >= U53_END) {
      throw failure(Rule["ino-range"], ino, inode.part.at * 8);
    }
    if (ino <= previous) {
      throw failure(Rule["ino-order"], ino, inode.part.at * 8);
    }
    previous = ino;
  }
}

function checkDigests(image: Rootfs): void {
  for (let itemList = listField(image.part, 1), itemIndex = 0; itemIndex < itemList.count; itemIndex++) {
    const item = new VerityData(element(itemList, itemIndex));
    if (dataField(item.part, 0).length !== DIGEST_BYTES || dataField(item.part, 1).length !== DIGEST_BYTES) {
      throw failure(Rule["digest-length"], 0, item.part.at * 8);
    }
  }
}

function countName(links: Uint32Array, ordinal: number): void {
  links[ordinal] = narrow((links[ordinal] ?? 0) + 1);
}

/** Checks that some layer has the inode of an entry of directory `dir`. */
export function checkTarget(layers: Layers, entry: DirEntry, dir: number): void {
  if (!hasInode(layers, entry.ino)) {
    throw failure(Rule["dir-entry-dangling"], dir, entry.part.at * 8);
  }
}

/** Checks that the root is there, and a directory. */
export function checkRoot(image: Rootfs): void {
  const root = findInode(image, ROOT_INO);
  if (root === undefined) {
    throw failure(Rule["root-inode"], ROOT_INO, image.part.at * 8);
  }
  if (InodeMode.kindOf(root.part) !== "dir") {
    throw failure(Rule["root-inode"], ROOT_INO, root.part.at * 8);
  }
}

/**
 * Walks the effective tree from its root, and checks that every directory has one parent, that none is its own ancestor, and
 * that all of the newest layer are reached (those of older layers may be superseded). Returns the number of visible inodes.
 */
function checkTree(image: Rootfs, links: Uint32Array, parents: Float64Array, queue: Float64Array): number {
  const layers = openLayers(image);
  checkRoot(image);
  const root = resolveInode(layers, ROOT_INO);
  if (root === undefined) {
    return 0;
  }
  parents[root.ordinal] = ROOT_INO;
  links[root.ordinal] = 2;
  queue[0] = ROOT_INO;
  let queued: number = 1;
  let visible: number = 1;
  for (let i = 0; i < queued; i++) {
    const dir = queue[i] ?? 0;
    const above = resolveInode(layers, dir);
    if (above === undefined) {
      continue;
    }
    let layer: number = 0;
    let recordsAbove: number = 0;
    for (let measure = 0, bound = Infinity; layer < MAX_LAYERS; bound = measure) {
      measure = MAX_LAYERS > layer ? MAX_LAYERS - layer : 0;
      if (measure >= bound) break;
      const record = findDirRecord(layers, dir, layer);
      if (record === undefined) {
        break;
      }
      if (recordsAbove > MAX_LOOK_BELOW) {
        throw failure(Rule["look-below-depth"], dir, above.inode.part.at * 8);
      }
      recordsAbove = narrow(recordsAbove + 1);
      for (let entryList = record.entries.part, entryIndex = 0; entryIndex < entryList.count; entryIndex++) {
        const entry = new DirEntry(element(entryList, entryIndex));
        if (record.covered && isHidden(layers, record.layer, dir, entry.name)) {
          checkTarget(layers, entry, dir);
          continue;
        }
        const shown = newestRecord(layers, entry.ino);
        if (shown === undefined) {
          throw failure(Rule["dir-entry-dangling"], dir, entry.part.at * 8);
        }
        if (InodeMode.kindOf(shown.inode.part) === "wht") {
          continue;
        }
        const ordinal = shown.ordinal;
        if (InodeMode.kindOf(shown.inode.part) !== "dir") {
          if ((links[ordinal] ?? 0) === 0) {
            visible = visible + 1;
          }
          countName(links, ordinal);
          continue;
        }
        if ((parents[ordinal] ?? 0) !== 0) {
          throw failure(Rule["dir-parents"], entry.ino, shown.inode.part.at * 8);
        }
        parents[ordinal] = dir;
        links[ordinal] = 2;
        countName(links, above.ordinal);
        queue[queued] = entry.ino;
        queued = queued + 1;
        visible = visible + 1;
      }
      if (!record.lookBelow) {
        break;
      }
      layer = narrow(record.layer + 1);
    }
  }
  checkUnreached(layers, parents);
  return visible;
}

/** Checks the directory records that the walk did not reach: none is of the newest layer, and their entries' inodes exist. */
function checkUnreached(layers: Layers, parents: Float64Array): void {
  let ordinal: number = 0;
  for (let layer = 0; layer < layers.all.length; layer++) {
    for (
      let inodeList = listField(element(layers.all.part, layer), 0), inodeIndex = 0;
      inodeIndex < inodeList.count;
      inodeIndex++
    ) {
      const inode = new Inode(element(inodeList, inodeIndex));
      if (InodeMode.kindOf(inode.part) === "dir" && (parents[ordinal] ?? 0) === 0) {
        if (layer === 0) {
          throw failure(Rule["dir-unreachable"], inode.ino, inode.part.at * 8);
        }
        for (
          let entryList = listField(inode.mode.dir.part, 0), entryIndex = 0;
          entryIndex < entryList.count;
          entryIndex++
        ) {
          const entry = new DirEntry(element(entryList, entryIndex));
          checkTarget(layers, entry, inode.ino);
        }
      }
      ordinal = narrow(ordinal) + 1;
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
export function validate(image: Rootfs, links: Uint32Array, parents: Float64Array, queue: Float64Array): Summary {
  const layers = image.metadatas;
  let unsorted: number = 0;
  let index: number = 0;
  let largest: number = 0;
  for (let layerList = layers.part, layerIndex = 0; layerIndex < layerList.count; layerIndex++) {
    const layer = new InodeVector(element(layerList, layerIndex));
    checkOrder(layer);
  }
  checkDigests(image);
  for (let layerList = layers.part, layerIndex = 0; layerIndex < layerList.count; layerIndex++) {
    const layer = new InodeVector(element(layerList, layerIndex));
    for (let inodeList = listField(layer.part, 0), inodeIndex = 0; inodeIndex < inodeList.count; inodeIndex++) {
      const inode = new Inode(element(inodeList, inodeIndex));
      const sorted = checkRecord(inode);
      if (!sorted) {
        if (recordsTree(image)) {
          throw failure(Rule["recorded-unsorted"], inode.ino, inode.part.at * 8);
        }
        const names = listField(inode.mode.dir.part, 0).count;
        unsorted = narrow(unsorted + 1);
        index = narrow(index) + INDEX_HEAD + names;
        if (names > largest) {
          largest = names;
        }
      }
    }
  }
  const visible = checkTree(image, links, parents, queue);
  checkRecorded(image, links, parents, visible);
  return { inodes: visible, unsorted: unsorted, index: unsorted === 0 ? 0 : narrow(index) + 1 + largest };
}
