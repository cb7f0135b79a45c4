/** Finding inodes and names in a validated image, through its layers. */
import { decreases, difference, u32 } from "./language.ts";
import type { Bytes, Items, Value, u53 } from "./language.ts";
import type { DirEntry, Inode, InodeVector, Rootfs } from "./metadata.ts";
import { compareNames, sameBytes } from "./names.ts";

/** The root directory's inode number. */
export const ROOT_INO: u53 = 1;

/** An inode is looked up in one layer after the other: with more of them a small image would cost minutes. */
export const MAX_LAYERS: u32 = 128;

/** Records of one directory that look below: a name is looked up in one after the other. */
export const MAX_LOOK_BELOW: u32 = 16;

/** A position in a listing is the layer times this, plus the entry. */
const LAYER_SPAN: u53 = 4294967296;

/** An inode, and its number among all inode records of the image, layer after layer. */
export interface Place extends Value {
  ordinal: u53;
  inode: Inode;
}

/** A name that a directory shows; `cookie` resumes the listing after it. */
export interface Listed extends Value {
  cookie: u53;
  entry: DirEntry;
  ordinal: u53;
  inode: Inode;
}

/** The position of `ino` in a layer, or of the first inode after it. */
function searchInodes(inodes: Items<Inode>, ino: u53): u32 {
  // Builders number without gaps: the first guess is right in an image of one layer.
  const guess: u32 = u32(difference(ino, inodes[0].ino));
  if (guess < inodes.length && inodes[guess].ino === ino) return guess;
  let low: u32 = 0;
  let high: u32 = inodes.length;
  while (low < high) {
    decreases(high - low);
    const middle: u32 = (low + high) / 2;
    if (inodes[middle].ino < ino) low = u32(middle + 1);
    else high = middle;
  }
  return low;
}

/** The record of `ino` in one layer. */
function inodeIn(layer: InodeVector, ino: u53): Inode | undefined {
  const inodes = layer.inodes;
  const inode = inodes[searchInodes(inodes, ino)];
  if (ino === 0 || inode.ino !== ino) return undefined;
  return inode;
}

/** Whether any layer holds `ino`, be it as a whiteout. */
export function isHeld(image: Rootfs, ino: u53): boolean {
  for (const layer of image.metadatas) {
    const inode = inodeIn(layer, ino);
    if (inode !== undefined) return true;
  }
  return false;
}

/** Finds `ino` in the newest layer that holds it; a whiteout means absent. */
export function findPlace(image: Rootfs, ino: u53): Place | undefined {
  let before: u53 = 0;
  for (const layer of image.metadatas) {
    const inodes = layer.inodes;
    const index: u32 = searchInodes(inodes, ino);
    const inode = inodes[index];
    if (index < inodes.length && inode.ino === ino) {
      if (inode.mode.kind === "wht") return undefined;
      return { ordinal: u32(before) + index, inode: inode };
    }
    before = u32(before) + inodes.length;
  }
  return undefined;
}

/** Finds `ino` in the newest layer that holds it; a whiteout means absent. */
export function findInode(image: Rootfs, ino: u53): Inode | undefined {
  const place = findPlace(image, ino);
  if (place === undefined) return undefined;
  return place.inode;
}

/** The position of `name` in a directory, or its length: by halving where the names are sorted. */
function searchNames(entries: Items<DirEntry>, sorted: boolean, name: Bytes): u32 {
  if (!sorted) {
    for (let i: u32 = 0; i < entries.length; i++) {
      if (sameBytes(entries[i].name, name)) return i;
    }
    return entries.length;
  }
  let low: u32 = 0;
  let high: u32 = entries.length;
  while (low < high) {
    decreases(high - low);
    const middle: u32 = (low + high) / 2;
    if (compareNames(entries[middle].name, name) === 0) low = u32(middle + 1);
    else high = middle;
  }
  if (low < entries.length && sameBytes(entries[low].name, name)) return low;
  return entries.length;
}

/** A record of a directory: its layer, and its names there. */
export interface DirRecord extends Value {
  layer: u32;
  entries: Items<DirEntry>;
  lookBelow: boolean;
}

/** The record of directory `dir` in the newest layer from `from` on that holds it as a directory. */
export function findDirRecord(image: Rootfs, dir: u53, from: u32): DirRecord | undefined {
  const layers = image.metadatas;
  for (let layer: u32 = from; layer < layers.length; layer++) {
    const inode = inodeIn(layers[layer], dir);
    if (inode !== undefined && inode.mode.kind === "dir") {
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
export function findName(image: Rootfs, sorted: boolean, dir: u53, name: Bytes): Inode | undefined {
  const directory = findInode(image, dir);
  if (directory === undefined) return undefined;
  if (directory.mode.kind !== "dir") return undefined;
  let layer: u32 = 0;
  while (layer < MAX_LAYERS) {
    decreases(MAX_LAYERS - layer);
    const record = findDirRecord(image, dir, layer);
    if (record === undefined) return undefined;
    const entries = record.entries;
    const index: u32 = searchNames(entries, sorted || record.lookBelow, name);
    if (index < entries.length) return findInode(image, entries[index].ino);
    if (!record.lookBelow) return undefined;
    layer = u32(record.layer + 1);
  }
  return undefined;
}

/** Whether a layer newer than `layer` lists `name` in directory `dir`, and so decides what it is. */
function hidden(image: Rootfs, layer: u32, dir: u53, name: Bytes): boolean {
  const layers = image.metadatas;
  for (let newer: u32 = 0; newer < layer; newer++) {
    const inode = inodeIn(layers[newer], dir);
    if (inode !== undefined && inode.mode.kind === "dir") {
      const entries = inode.mode.dir.entries;
      if (searchNames(entries, true, name) < entries.length) return true;
    }
  }
  return false;
}

/** What an entry of a directory's record in `layer` shows: nothing where a newer layer decides, or it is a whiteout. */
export function findShown(image: Rootfs, layer: u32, dir: u53, entry: DirEntry): Place | undefined {
  if (layer > 0 && hidden(image, layer, dir, entry.name)) return undefined;
  return findPlace(image, entry.ino);
}

/** The first name that directory `dir` shows after `cookie`; 0 starts. */
export function nextName(image: Rootfs, dir: u53, cookie: u53): Listed | undefined {
  let layer: u32 = u32(cookie / LAYER_SPAN);
  let from: u32 = u32(cookie % LAYER_SPAN);
  if (cookie === 0) {
    const directory = findInode(image, dir);
    if (directory === undefined) return undefined;
    if (directory.mode.kind !== "dir") return undefined;
  }
  while (layer < MAX_LAYERS) {
    decreases(MAX_LAYERS - layer);
    const record = findDirRecord(image, dir, layer);
    if (record === undefined) return undefined;
    if (record.layer !== layer) from = 0;
    const entries = record.entries;
    for (let i: u32 = from; i < entries.length; i++) {
      const place = findShown(image, record.layer, dir, entries[i]);
      if (place !== undefined) {
        const next: u53 = positionAfter(record.layer, i);
        return { cookie: next, entry: entries[i], ordinal: place.ordinal, inode: place.inode };
      }
    }
    if (!record.lookBelow) return undefined;
    layer = u32(record.layer + 1);
    from = 0;
  }
  return undefined;
}

function positionAfter(layer: u32, index: u32): u53 {
  return (layer & 65535) * LAYER_SPAN + index + 1;
}

/** How many inode records the image has, in all layers. */
export function countRecords(image: Rootfs): u53 {
  let records: u53 = 0;
  for (const layer of image.metadatas) records = u32(records) + layer.inodes.length;
  return records;
}

/** Entries of the largest directory record. */
export function largestDirectory(image: Rootfs): u32 {
  let largest: u32 = 0;
  for (const layer of image.metadatas) {
    for (const inode of layer.inodes) {
      const entries = inode.mode.dir.entries;
      if (entries.length > largest) largest = entries.length;
    }
  }
  return largest;
}
