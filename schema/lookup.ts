/** Finding inodes and names in a validated image, through its layers. */
import { decreases, difference, u32 } from "./language.ts";
import type { Bytes, Items, Scratch, Value, u53 } from "./language.ts";
import type { DirEntry, Inode, InodeVector, Rootfs } from "./metadata.ts";
import { indexStart, sortedEntry } from "./nameindex.ts";
import { compareNames } from "./names.ts";

/** The root directory's inode number. */
export const ROOT_INO: u53 = 1;

/** An inode is looked up in one layer after the other: with more of them a small image would cost minutes. */
export const MAX_LAYERS: u32 = 128;

/** Records of one directory that look below: a name is looked up in one after the other. */
export const MAX_LOOK_BELOW: u32 = 16;

/** A position in a listing is the layer times this, plus the entry. */
const LAYER_SPAN: u53 = 4294967296;

/** An inode, and its number among all inode records of the image, layer after layer. */
export interface InodeRecord extends Value {
  ordinal: u53;
  inode: Inode;
}

/** A name that a directory shows; `cookie` resumes the listing after it. */
export interface VisibleEntry extends Value {
  cookie: u53;
  entry: DirEntry;
  ordinal: u53;
  inode: Inode;
}

/** The position of `ino` in a layer, or the number of its inodes. */
function searchInodes(inodes: Items<Inode>, ino: u53): u32 {
  // Builders number almost without gaps: an inode stands where its number says, or as many places before as numbers lack.
  const first: u53 = inodes[0].ino;
  const last: u53 = inodes[difference(inodes.length, 1)].ino;
  const guess: u32 = u32(difference(ino, first));
  if (guess < inodes.length && inodes[guess].ino === ino) return guess;
  const gaps: u53 = difference(difference(last, first), difference(inodes.length, 1));
  let low: u32 = u32(difference(guess, gaps));
  let high: u32 = guess < inodes.length ? guess : inodes.length;
  while (low < high) {
    decreases(high - low);
    const middle: u32 = (low + high) / 2;
    const found: u53 = inodes[middle].ino;
    if (found === ino) return middle;
    if (found < ino) low = u32(middle + 1);
    else high = middle;
  }
  return inodes.length;
}

/** Whether any layer holds `ino`, be it as a whiteout. */
export function hasInode(layers: Items<InodeVector>, ino: u53): boolean {
  for (let layer: u32 = 0; layer < layers.length; layer++) {
    const inodes = layers[layer].inodes;
    if (searchInodes(inodes, ino) < inodes.length) return true;
  }
  return false;
}

/** An inode record as what is found under its number: a whiteout means absent. */
function notWhiteout(inode: Inode, ordinal: u53): InodeRecord | undefined {
  if (inode.mode.kind === "wht") return undefined;
  return { ordinal: ordinal, inode: inode };
}

/** Finds `ino` in the newest of the layers that holds it. `newest`: the inodes of the first, at hand for who looks up many. */
export function resolveInode(layers: Items<InodeVector>, newest: Items<Inode>, ino: u53): InodeRecord | undefined {
  const first: u32 = searchInodes(newest, ino);
  if (first < newest.length) return notWhiteout(newest[first], first);
  let before: u53 = newest.length;
  for (let layer: u32 = 1; layer < layers.length; layer++) {
    const inodes = layers[layer].inodes;
    const index: u32 = searchInodes(inodes, ino);
    if (index < inodes.length) return notWhiteout(inodes[index], u32(before) + index);
    before = u32(before) + inodes.length;
  }
  return undefined;
}

/** Finds `ino` in the newest layer that holds it; a whiteout means absent. */
export function findInodeRecord(image: Rootfs, ino: u53): InodeRecord | undefined {
  const layers = image.metadatas;
  return resolveInode(layers, layers[0].inodes, ino);
}

function inodeIn(layers: Items<InodeVector>, newest: Items<Inode>, ino: u53): Inode | undefined {
  const found = resolveInode(layers, newest, ino);
  if (found === undefined) return undefined;
  return found.inode;
}

/** Finds `ino` in the newest layer that holds it; a whiteout means absent. */
export function findInode(image: Rootfs, ino: u53): Inode | undefined {
  const layers = image.metadatas;
  return inodeIn(layers, layers[0].inodes, ino);
}

/** The position of `name` in a directory, or its length. `start` is what indexStart gives for the directory. */
function searchNames(entries: Items<DirEntry>, index: Scratch<u32>, start: u32, name: Bytes): u32 {
  let low: u32 = 0;
  let high: u32 = entries.length;
  while (low < high) {
    decreases(high - low);
    const middle: u32 = (low + high) / 2;
    const position: u32 = sortedEntry(index, start, middle);
    const order: u32 = compareNames(entries[position].name, name);
    if (order === 1) return position;
    if (order === 0) low = u32(middle + 1);
    else high = middle;
  }
  return entries.length;
}

/** Whether `name` is among the names of a directory that are sorted. */
function hasName(entries: Items<DirEntry>, name: Bytes): boolean {
  let low: u32 = 0;
  let high: u32 = entries.length;
  while (low < high) {
    decreases(high - low);
    const middle: u32 = (low + high) / 2;
    const order: u32 = compareNames(entries[middle].name, name);
    if (order === 1) return true;
    if (order === 0) low = u32(middle + 1);
    else high = middle;
  }
  return false;
}

/** A record of a directory: its layer, its position among the inodes there, and its names. */
export interface DirRecord extends Value {
  layer: u32;
  position: u32;
  entries: Items<DirEntry>;
  lookBelow: boolean;
}

/** The record of directory `dir` in the newest of the layers from `from` on that holds it as a directory. */
export function findDirRecord(layers: Items<InodeVector>, dir: u53, from: u32): DirRecord | undefined {
  for (let layer: u32 = from; layer < layers.length; layer++) {
    const inodes = layers[layer].inodes;
    const position: u32 = searchInodes(inodes, dir);
    if (position < inodes.length && inodes[position].mode.kind === "dir") {
      const record = inodes[position].mode.dir;
      return { layer: layer, position: position, entries: record.entries, lookBelow: record.lookBelow };
    }
  }
  return undefined;
}

/** Finds what `name` stands for in directory `dir`. `index` is what indexNames made, empty where all names are sorted. */
export function findName(image: Rootfs, index: Scratch<u32>, dir: u53, name: Bytes): Inode | undefined {
  const layers = image.metadatas;
  const newest = layers[0].inodes;
  const directory = resolveInode(layers, newest, dir);
  if (directory === undefined) return undefined;
  if (directory.inode.mode.kind !== "dir") return undefined;
  let layer: u32 = 0;
  while (layer < MAX_LAYERS) {
    decreases(MAX_LAYERS - layer);
    const record = findDirRecord(layers, dir, layer);
    if (record === undefined) return undefined;
    const entries = record.entries;
    const start: u32 = indexStart(index, record.layer, record.position);
    const found: u32 = searchNames(entries, index, start, name);
    if (found < entries.length) {
      const entry = entries[found];
      return inodeIn(layers, newest, entry.ino);
    }
    if (!record.lookBelow) return undefined;
    layer = u32(record.layer + 1);
  }
  return undefined;
}

/** Whether a layer newer than `layer` lists `name` in directory `dir`, and so decides what it is. */
function hidden(layers: Items<InodeVector>, layer: u32, dir: u53, name: Bytes): boolean {
  for (let newer: u32 = 0; newer < layer; newer++) {
    const inodes = layers[newer].inodes;
    const position: u32 = searchInodes(inodes, dir);
    if (position >= inodes.length) continue;
    const inode = inodes[position];
    // It looks below, and so its names are sorted.
    if (inode.mode.kind === "dir" && hasName(inode.mode.dir.entries, name)) return true;
  }
  return false;
}

/** What an entry of a directory's record in `layer` shows: nothing where a newer layer decides, or it is a whiteout. */
export function resolveEntry(
  layers: Items<InodeVector>,
  newest: Items<Inode>,
  layer: u32,
  dir: u53,
  entry: DirEntry,
): InodeRecord | undefined {
  if (layer > 0 && hidden(layers, layer, dir, entry.name)) return undefined;
  return resolveInode(layers, newest, entry.ino);
}

/**
 * The record with which a listing of directory `dir` goes on after `cookie`; 0 starts. A cookie may come from anywhere:
 * only records that show through are listed.
 */
export function openListing(image: Rootfs, dir: u53, cookie: u53): DirRecord | undefined {
  const layers = image.metadatas;
  const resumed: u32 = u32(cookie / LAYER_SPAN);
  if (cookie === 0) {
    const directory = resolveInode(layers, layers[0].inodes, dir);
    if (directory === undefined) return undefined;
    if (directory.inode.mode.kind !== "dir") return undefined;
  }
  let layer: u32 = 0;
  while (layer < MAX_LAYERS) {
    decreases(MAX_LAYERS - layer);
    const record = findDirRecord(layers, dir, layer);
    if (record === undefined) return undefined;
    if (record.layer >= resumed) return record;
    if (!record.lookBelow) return undefined;
    layer = u32(record.layer + 1);
  }
  return undefined;
}

/** The record that a listing goes on with after all of `record`. */
export function nextListing(image: Rootfs, dir: u53, record: DirRecord): DirRecord | undefined {
  if (!record.lookBelow) return undefined;
  return findDirRecord(image.metadatas, dir, u32(record.layer + 1));
}

/** The first name after `cookie` that a record of directory `dir` shows. */
export function nextVisibleEntry(image: Rootfs, dir: u53, record: DirRecord, cookie: u53): VisibleEntry | undefined {
  const layers = image.metadatas;
  const newest = layers[0].inodes;
  const entries = record.entries;
  const from: u32 = u32(cookie / LAYER_SPAN) === record.layer ? u32(cookie % LAYER_SPAN) : 0;
  for (let i: u32 = from; i < entries.length; i++) {
    const entry = entries[i];
    const found = resolveEntry(layers, newest, record.layer, dir, entry);
    if (found !== undefined) {
      const next: u53 = positionAfter(record.layer, i);
      return { cookie: next, entry: entry, ordinal: found.ordinal, inode: found.inode };
    }
  }
  return undefined;
}

/** The first name that directory `dir` shows after `cookie`; 0 starts. */
export function nextName(image: Rootfs, dir: u53, cookie: u53): VisibleEntry | undefined {
  const first = openListing(image, dir, cookie);
  if (first === undefined) return undefined;
  const visible = nextVisibleEntry(image, dir, first, cookie);
  if (visible !== undefined) return visible;
  let below: boolean = first.lookBelow;
  let layer: u32 = first.layer;
  while (layer < MAX_LAYERS) {
    decreases(MAX_LAYERS - layer);
    if (!below) return undefined;
    const record = findDirRecord(image.metadatas, dir, u32(layer + 1));
    if (record === undefined) return undefined;
    const shown = nextVisibleEntry(image, dir, record, cookie);
    if (shown !== undefined) return shown;
    below = record.lookBelow;
    layer = record.layer;
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
