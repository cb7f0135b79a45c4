// Made from schema/lookup.ts by `make codegen`: change that, not this.
import { StructList, narrow, type Bytes } from "../runtime.ts";
import { DirEntry, Inode, InodeMode, InodeVector, type Rootfs } from "./metadata.ts";
import { compareNames, sameBytes } from "./names.ts";
import { dataField, element, listField, u53Field } from "./wire.ts";

/** The root directory's inode number. */
export const ROOT_INO = 1;

/** An inode is looked up in one layer after the other: with more of them a small image would cost minutes. */
export const MAX_LAYERS = 128;

/** Records of one directory that look below: a name is looked up in one after the other. */
export const MAX_LOOK_BELOW = 16;

/** A position in a listing is the layer times this, plus the entry. */
const LAYER_SPAN = 4294967296;

/** An inode, and its number among all inode records of the image, layer after layer. */
export interface Place {
  readonly ordinal: number;
  readonly inode: Inode;
}

/** A name that a directory shows; `cookie` resumes the listing after it. */
export interface Listed {
  readonly cookie: number;
  readonly entry: DirEntry;
  readonly ordinal: number;
  readonly inode: Inode;
}

/** A record of a directory: its layer, and its names there. */
export interface DirRecord {
  readonly layer: number;
  readonly entries: StructList<DirEntry>;
  readonly lookBelow: boolean;
}

/** The position of `ino` in a layer, or of the first inode after it. */
function searchInodes(inodes: StructList<Inode>, ino: number): number {
  const guess = narrow(ino > u53Field(element(inodes.part, 0), 0) ? ino - u53Field(element(inodes.part, 0), 0) : 0);
  if (guess < inodes.length && u53Field(element(inodes.part, guess), 0) === ino) {
    return guess;
  }
  let low: number = 0;
  let high: number = inodes.length;
  for (let measure = 0, bound = Infinity; low < high; bound = measure) {
    measure = high > low ? high - low : 0;
    if (measure >= bound) break;
    const middle = Math.floor((low + high) / 2);
    if (u53Field(element(inodes.part, middle), 0) < ino) {
      low = narrow(middle + 1);
    } else {
      high = middle;
    }
  }
  return low;
}

/** The record of `ino` in one layer. */
function inodeIn(layer: InodeVector, ino: number): Inode | undefined {
  const inodes = layer.inodes;
  const inode = new Inode(element(inodes.part, searchInodes(inodes, ino)));
  if (ino === 0 || inode.ino !== ino) {
    return undefined;
  }
  return inode;
}

/** Whether any layer holds `ino`, be it as a whiteout. */
export function isHeld(image: Rootfs, ino: number): boolean {
  for (let layerList = listField(image.part, 0), layerIndex = 0; layerIndex < layerList.count; layerIndex++) {
    const layer = new InodeVector(element(layerList, layerIndex));
    const inode = inodeIn(layer, ino);
    if (inode !== undefined) {
      return true;
    }
  }
  return false;
}

/** Finds `ino` in the newest layer that holds it; a whiteout means absent. */
export function findPlace(image: Rootfs, ino: number): Place | undefined {
  let before: number = 0;
  for (let layerList = listField(image.part, 0), layerIndex = 0; layerIndex < layerList.count; layerIndex++) {
    const layer = new InodeVector(element(layerList, layerIndex));
    const inodes = layer.inodes;
    const index = searchInodes(inodes, ino);
    const inode = new Inode(element(inodes.part, index));
    if (index < inodes.length && inode.ino === ino) {
      if (InodeMode.kindOf(inode.part) === "wht") {
        return undefined;
      }
      return { ordinal: narrow(before) + index, inode: inode };
    }
    before = narrow(before) + inodes.length;
  }
  return undefined;
}

/** Finds `ino` in the newest layer that holds it; a whiteout means absent. */
export function findInode(image: Rootfs, ino: number): Inode | undefined {
  const place = findPlace(image, ino);
  if (place === undefined) {
    return undefined;
  }
  return place.inode;
}

/** The position of `name` in a directory, or its length: by halving where the names are sorted. */
function searchNames(entries: StructList<DirEntry>, sorted: boolean, name: Bytes): number {
  if (!sorted) {
    for (let i = 0; i < entries.length; i++) {
      if (sameBytes(dataField(element(entries.part, i), 0), name)) {
        return i;
      }
    }
    return entries.length;
  }
  let low: number = 0;
  let high: number = entries.length;
  for (let measure = 0, bound = Infinity; low < high; bound = measure) {
    measure = high > low ? high - low : 0;
    if (measure >= bound) break;
    const middle = Math.floor((low + high) / 2);
    if (compareNames(dataField(element(entries.part, middle), 0), name) === 0) {
      low = narrow(middle + 1);
    } else {
      high = middle;
    }
  }
  if (low < entries.length && sameBytes(dataField(element(entries.part, low), 0), name)) {
    return low;
  }
  return entries.length;
}

/** The record of directory `dir` in the newest layer from `from` on that holds it as a directory. */
export function findDirRecord(image: Rootfs, dir: number, from: number): DirRecord | undefined {
  const layers = image.metadatas;
  for (let layer = from; layer < layers.length; layer++) {
    const inode = inodeIn(new InodeVector(element(layers.part, layer)), dir);
    if (inode !== undefined && InodeMode.kindOf(inode.part) === "dir") {
      const record = inode.mode.dir;
      return { layer: layer, entries: record.entries, lookBelow: record.lookBelow };
    }
  }
  return undefined;
}

/**
 * Finds what `name` stands for in directory `dir`. `sorted`: every directory of the image has sorted names,
 * as validate has seen. Directories that look below always have.
 */
export function findName(image: Rootfs, sorted: boolean, dir: number, name: Bytes): Inode | undefined {
  const directory = findInode(image, dir);
  if (directory === undefined) {
    return undefined;
  }
  if (InodeMode.kindOf(directory.part) !== "dir") {
    return undefined;
  }
  let layer: number = 0;
  for (let measure = 0, bound = Infinity; layer < MAX_LAYERS; bound = measure) {
    measure = MAX_LAYERS > layer ? MAX_LAYERS - layer : 0;
    if (measure >= bound) break;
    const record = findDirRecord(image, dir, layer);
    if (record === undefined) {
      return undefined;
    }
    const entries = record.entries;
    const index = searchNames(entries, sorted || record.lookBelow, name);
    if (index < entries.length) {
      return findInode(image, u53Field(element(entries.part, index), 0));
    }
    if (!record.lookBelow) {
      return undefined;
    }
    layer = narrow(record.layer + 1);
  }
  return undefined;
}

/** Whether a layer newer than `layer` lists `name` in directory `dir`, and so decides what it is. */
function hidden(image: Rootfs, layer: number, dir: number, name: Bytes): boolean {
  const layers = image.metadatas;
  for (let newer = 0; newer < layer; newer++) {
    const inode = inodeIn(new InodeVector(element(layers.part, newer)), dir);
    if (inode !== undefined && InodeMode.kindOf(inode.part) === "dir") {
      const entries = new StructList(listField(inode.mode.dir.part, 0), DirEntry);
      if (searchNames(entries, true, name) < entries.length) {
        return true;
      }
    }
  }
  return false;
}

/** What an entry of a directory's record in `layer` shows: nothing where a newer layer decides, or it is a whiteout. */
export function findShown(image: Rootfs, layer: number, dir: number, entry: DirEntry): Place | undefined {
  if (layer > 0 && hidden(image, layer, dir, entry.name)) {
    return undefined;
  }
  return findPlace(image, entry.ino);
}

/** The first name that directory `dir` shows after `cookie`; 0 starts. */
export function nextName(image: Rootfs, dir: number, cookie: number): Listed | undefined {
  let layer: number = Math.floor(cookie / LAYER_SPAN);
  let from: number = cookie % LAYER_SPAN;
  if (cookie === 0) {
    const directory = findInode(image, dir);
    if (directory === undefined) {
      return undefined;
    }
    if (InodeMode.kindOf(directory.part) !== "dir") {
      return undefined;
    }
  }
  for (let measure = 0, bound = Infinity; layer < MAX_LAYERS; bound = measure) {
    measure = MAX_LAYERS > layer ? MAX_LAYERS - layer : 0;
    if (measure >= bound) break;
    const record = findDirRecord(image, dir, layer);
    if (record === undefined) {
      return undefined;
    }
    if (record.layer !== layer) {
      from = 0;
    }
    const entries = record.entries;
    for (let i = from; i < entries.length; i++) {
      const place = findShown(image, record.layer, dir, new DirEntry(element(entries.part, i)));
      if (place !== undefined) {
        const next = positionAfter(record.layer, i);
        return {
          cookie: next,
          entry: new DirEntry(element(entries.part, i)),
          ordinal: place.ordinal,
          inode: place.inode,
        };
      }
    }
    if (!record.lookBelow) {
      return undefined;
    }
    layer = narrow(record.layer + 1);
    from = 0;
  }
  return undefined;
}

function positionAfter(layer: number, index: number): number {
  return (layer & 65535) * LAYER_SPAN + index + 1;
}

/** How many inode records the image has, in all layers. */
export function countRecords(image: Rootfs): number {
  let records: number = 0;
  for (let layerList = listField(image.part, 0), layerIndex = 0; layerIndex < layerList.count; layerIndex++) {
    const layer = new InodeVector(element(layerList, layerIndex));
    records = narrow(records) + listField(layer.part, 0).count;
  }
  return records;
}

/** Entries of the largest directory record. */
export function largestDirectory(image: Rootfs): number {
  let largest: number = 0;
  for (let layerList = listField(image.part, 0), layerIndex = 0; layerIndex < layerList.count; layerIndex++) {
    const layer = new InodeVector(element(layerList, layerIndex));
    for (let inodeList = listField(layer.part, 0), inodeIndex = 0; inodeIndex < inodeList.count; inodeIndex++) {
      const inode = new Inode(element(inodeList, inodeIndex));
      const entries = new StructList(listField(inode.mode.dir.part, 0), DirEntry);
      if (entries.length > largest) {
        largest = entries.length;
      }
    }
  }
  return largest;
}
