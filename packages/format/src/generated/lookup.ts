// Code generated from schema/lookup.ts by make codegen. DO NOT EDIT.
import { StructList, narrow, type Bytes } from "../runtime.ts";
import { DirEntry, Inode, InodeMode, InodeVector, type Rootfs } from "./metadata.ts";
import { indexStart, sortedEntry } from "./nameindex.ts";
import { compareNames } from "./names.ts";
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
export interface InodeRecord {
  readonly ordinal: number;
  readonly inode: Inode;
}

/** A name that a directory shows; `cookie` resumes the listing after it. */
export interface VisibleEntry {
  readonly cookie: number;
  readonly entry: DirEntry;
  readonly ordinal: number;
  readonly inode: Inode;
}

/** A record of a directory: its layer, its position among the inodes there, and its names. */
export interface DirRecord {
  readonly layer: number;
  readonly position: number;
  readonly entries: StructList<DirEntry>;
  readonly lookBelow: boolean;
}

/** The position of `ino` in a layer, or the number of its inodes. */
function searchInodes(inodes: StructList<Inode>, ino: number): number {
  const first = u53Field(element(inodes.part, 0), 0);
  const last = u53Field(element(inodes.part, inodes.length > 1 ? inodes.length - 1 : 0), 0);
  const guess = narrow(ino > first ? ino - first : 0);
  if (guess < inodes.length && u53Field(element(inodes.part, guess), 0) === ino) {
    return guess;
  }
  const gaps =
    (last > first ? last - first : 0) > (inodes.length > 1 ? inodes.length - 1 : 0)
      ? (last > first ? last - first : 0) - (inodes.length > 1 ? inodes.length - 1 : 0)
      : 0;
  let low: number = guess > gaps ? guess - gaps : 0;
  let high: number = guess < inodes.length ? guess : inodes.length;
  for (let measure = 0, bound = Infinity; low < high; bound = measure) {
    measure = high > low ? high - low : 0;
    if (measure >= bound) break;
    const middle = Math.floor((low + high) / 2);
    const found = u53Field(element(inodes.part, middle), 0);
    if (found === ino) {
      return middle;
    }
    if (found < ino) {
      low = narrow(middle + 1);
    } else {
      high = middle;
    }
  }
  return inodes.length;
}

/** Whether any layer holds `ino`, be it as a whiteout. */
export function hasInode(layers: StructList<InodeVector>, ino: number): boolean {
  for (let layer = 0; layer < layers.length; layer++) {
    const inodes = new StructList(listField(element(layers.part, layer), 0), Inode);
    if (searchInodes(inodes, ino) < inodes.length) {
      return true;
    }
  }
  return false;
}

/** An inode record as what is found under its number: a whiteout means absent. */
function notWhiteout(inode: Inode, ordinal: number): InodeRecord | undefined {
  if (InodeMode.kindOf(inode.part) === "wht") {
    return undefined;
  }
  return { ordinal: ordinal, inode: inode };
}

/** Finds `ino` in the newest of the layers that holds it. `newest`: the inodes of the first, at hand for who looks up many. */
export function resolveInode(
  layers: StructList<InodeVector>,
  newest: StructList<Inode>,
  ino: number,
): InodeRecord | undefined {
  const first = searchInodes(newest, ino);
  if (first < newest.length) {
    return notWhiteout(new Inode(element(newest.part, first)), first);
  }
  let before: number = newest.length;
  for (let layer = 1; layer < layers.length; layer++) {
    const inodes = new StructList(listField(element(layers.part, layer), 0), Inode);
    const index = searchInodes(inodes, ino);
    if (index < inodes.length) {
      return notWhiteout(new Inode(element(inodes.part, index)), narrow(before) + index);
    }
    before = narrow(before) + inodes.length;
  }
  return undefined;
}

/** Finds `ino` in the newest layer that holds it; a whiteout means absent. */
export function findInodeRecord(image: Rootfs, ino: number): InodeRecord | undefined {
  const layers = image.metadatas;
  return resolveInode(layers, new StructList(listField(element(layers.part, 0), 0), Inode), ino);
}

function inodeIn(layers: StructList<InodeVector>, newest: StructList<Inode>, ino: number): Inode | undefined {
  const found = resolveInode(layers, newest, ino);
  if (found === undefined) {
    return undefined;
  }
  return found.inode;
}

/** Finds `ino` in the newest layer that holds it; a whiteout means absent. */
export function findInode(image: Rootfs, ino: number): Inode | undefined {
  const layers = image.metadatas;
  return inodeIn(layers, new StructList(listField(element(layers.part, 0), 0), Inode), ino);
}

/** The position of `name` in a directory, or its length. `start` is what indexStart gives for the directory. */
function searchNames(entries: StructList<DirEntry>, index: Uint32Array, start: number, name: Bytes): number {
  let low: number = 0;
  let high: number = entries.length;
  for (let measure = 0, bound = Infinity; low < high; bound = measure) {
    measure = high > low ? high - low : 0;
    if (measure >= bound) break;
    const middle = Math.floor((low + high) / 2);
    const position = sortedEntry(index, start, middle);
    const order = compareNames(dataField(element(entries.part, position), 0), name);
    if (order === 1) {
      return position;
    }
    if (order === 0) {
      low = narrow(middle + 1);
    } else {
      high = middle;
    }
  }
  return entries.length;
}

/** Whether `name` is among the names of a directory that are sorted. */
function hasName(entries: StructList<DirEntry>, name: Bytes): boolean {
  let low: number = 0;
  let high: number = entries.length;
  for (let measure = 0, bound = Infinity; low < high; bound = measure) {
    measure = high > low ? high - low : 0;
    if (measure >= bound) break;
    const middle = Math.floor((low + high) / 2);
    const order = compareNames(dataField(element(entries.part, middle), 0), name);
    if (order === 1) {
      return true;
    }
    if (order === 0) {
      low = narrow(middle + 1);
    } else {
      high = middle;
    }
  }
  return false;
}

/** The record of directory `dir` in the newest of the layers from `from` on that holds it as a directory. */
export function findDirRecord(layers: StructList<InodeVector>, dir: number, from: number): DirRecord | undefined {
  for (let layer = from; layer < layers.length; layer++) {
    const inodes = new StructList(listField(element(layers.part, layer), 0), Inode);
    const position = searchInodes(inodes, dir);
    if (position < inodes.length && InodeMode.kindOf(element(inodes.part, position)) === "dir") {
      const record = new Inode(element(inodes.part, position)).mode.dir;
      return { layer: layer, position: position, entries: record.entries, lookBelow: record.lookBelow };
    }
  }
  return undefined;
}

/** Finds what `name` stands for in directory `dir`. `index` is what indexNames made, empty where all names are sorted. */
export function findName(image: Rootfs, index: Uint32Array, dir: number, name: Bytes): Inode | undefined {
  const layers = image.metadatas;
  const newest = new StructList(listField(element(layers.part, 0), 0), Inode);
  const directory = resolveInode(layers, newest, dir);
  if (directory === undefined) {
    return undefined;
  }
  if (InodeMode.kindOf(directory.inode.part) !== "dir") {
    return undefined;
  }
  let layer: number = 0;
  for (let measure = 0, bound = Infinity; layer < MAX_LAYERS; bound = measure) {
    measure = MAX_LAYERS > layer ? MAX_LAYERS - layer : 0;
    if (measure >= bound) break;
    const record = findDirRecord(layers, dir, layer);
    if (record === undefined) {
      return undefined;
    }
    const entries = record.entries;
    const start = indexStart(index, record.layer, record.position);
    const found = searchNames(entries, index, start, name);
    if (found < entries.length) {
      const entry = new DirEntry(element(entries.part, found));
      return inodeIn(layers, newest, entry.ino);
    }
    if (!record.lookBelow) {
      return undefined;
    }
    layer = narrow(record.layer + 1);
  }
  return undefined;
}

/** Whether a layer newer than `layer` lists `name` in directory `dir`, and so decides what it is. */
function hidden(layers: StructList<InodeVector>, layer: number, dir: number, name: Bytes): boolean {
  for (let newer = 0; newer < layer; newer++) {
    const inodes = new StructList(listField(element(layers.part, newer), 0), Inode);
    const position = searchInodes(inodes, dir);
    if (position >= inodes.length) {
      continue;
    }
    const inode = new Inode(element(inodes.part, position));
    if (
      InodeMode.kindOf(inode.part) === "dir" &&
      hasName(new StructList(listField(inode.mode.dir.part, 0), DirEntry), name)
    ) {
      return true;
    }
  }
  return false;
}

/** What an entry of a directory's record in `layer` shows: nothing where a newer layer decides, or it is a whiteout. */
export function resolveEntry(
  layers: StructList<InodeVector>,
  newest: StructList<Inode>,
  layer: number,
  dir: number,
  entry: DirEntry,
): InodeRecord | undefined {
  if (layer > 0 && hidden(layers, layer, dir, entry.name)) {
    return undefined;
  }
  return resolveInode(layers, newest, entry.ino);
}

/**
 * The record with which a listing of directory `dir` goes on after `cookie`; 0 starts. A cookie may come from anywhere:
 * only records that show through are listed.
 */
export function openListing(image: Rootfs, dir: number, cookie: number): DirRecord | undefined {
  const layers = image.metadatas;
  const resumed = Math.floor(cookie / LAYER_SPAN);
  if (cookie === 0) {
    const directory = resolveInode(layers, new StructList(listField(element(layers.part, 0), 0), Inode), dir);
    if (directory === undefined) {
      return undefined;
    }
    if (InodeMode.kindOf(directory.inode.part) !== "dir") {
      return undefined;
    }
  }
  let layer: number = 0;
  for (let measure = 0, bound = Infinity; layer < MAX_LAYERS; bound = measure) {
    measure = MAX_LAYERS > layer ? MAX_LAYERS - layer : 0;
    if (measure >= bound) break;
    const record = findDirRecord(layers, dir, layer);
    if (record === undefined) {
      return undefined;
    }
    if (record.layer >= resumed) {
      return record;
    }
    if (!record.lookBelow) {
      return undefined;
    }
    layer = narrow(record.layer + 1);
  }
  return undefined;
}

/** The record that a listing goes on with after all of `record`. */
export function nextListing(image: Rootfs, dir: number, record: DirRecord): DirRecord | undefined {
  if (!record.lookBelow) {
    return undefined;
  }
  return findDirRecord(image.metadatas, dir, narrow(record.layer + 1));
}

/** The first name after `cookie` that a record of directory `dir` shows. */
export function nextVisibleEntry(
  image: Rootfs,
  dir: number,
  record: DirRecord,
  cookie: number,
): VisibleEntry | undefined {
  const layers = image.metadatas;
  const newest = new StructList(listField(element(layers.part, 0), 0), Inode);
  const entries = record.entries;
  const from = Math.floor(cookie / LAYER_SPAN) === record.layer ? cookie % LAYER_SPAN : 0;
  for (let i = from; i < entries.length; i++) {
    const entry = new DirEntry(element(entries.part, i));
    const found = resolveEntry(layers, newest, record.layer, dir, entry);
    if (found !== undefined) {
      const next = positionAfter(record.layer, i);
      return { cookie: next, entry: entry, ordinal: found.ordinal, inode: found.inode };
    }
  }
  return undefined;
}

/** The first name that directory `dir` shows after `cookie`; 0 starts. */
export function nextName(image: Rootfs, dir: number, cookie: number): VisibleEntry | undefined {
  const first = openListing(image, dir, cookie);
  if (first === undefined) {
    return undefined;
  }
  const visible = nextVisibleEntry(image, dir, first, cookie);
  if (visible !== undefined) {
    return visible;
  }
  let below: boolean = first.lookBelow;
  let layer: number = first.layer;
  for (let measure = 0, bound = Infinity; layer < MAX_LAYERS; bound = measure) {
    measure = MAX_LAYERS > layer ? MAX_LAYERS - layer : 0;
    if (measure >= bound) break;
    if (!below) {
      return undefined;
    }
    const record = findDirRecord(image.metadatas, dir, narrow(layer + 1));
    if (record === undefined) {
      return undefined;
    }
    const shown = nextVisibleEntry(image, dir, record, cookie);
    if (shown !== undefined) {
      return shown;
    }
    below = record.lookBelow;
    layer = record.layer;
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
