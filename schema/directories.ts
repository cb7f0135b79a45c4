/** Finding and listing names in the directories of a validated image, merged over its layers. */
import { atMost, decreases, difference, halves, u32 } from "./language.ts";
import type { Bytes, Items, Scratch, Value, u53 } from "./language.ts";
import { MAX_LAYERS, openLayers, resolveInode, searchInodes } from "./layers.ts";
import type { InodeRecord, Layers } from "./layers.ts";
import type { DirEntry, Inode, Rootfs } from "./metadata.ts";
import { indexStart, sortedEntry } from "./nameindex.ts";
import { compareNames } from "./names.ts";

/** Largest number of records of one directory with lookBelow: a name is looked up in one after the other. */
export const MAX_LOOK_BELOW: u32 = 16;

/** Entries that nextVisibleEntry looks at before it returns. */
const ENTRIES_AT_ONCE: u32 = 128;

/**
 * A name that a directory shows; `cookie` resumes the listing after it: the number of entries of the directory up to this one, in
 * its newer records and in its own, shown or not. It fits in the 31 bits of an offset in 32-bit programs.
 */
export interface VisibleEntry extends Value {
  cookie: u53;
  /** Whether the directory shows it; otherwise many entries were hidden, and the listing goes on after `cookie`. */
  shown: boolean;
  entry: DirEntry;
  ordinal: u53;
  inode: Inode;
}

/** The position of `name` in a directory record, or the number of its entries. `start` is the record's indexStart. */
function searchNames(entries: Items<DirEntry>, index: Scratch<u32>, start: u32, name: Bytes): u32 {
  let low: u32 = 0;
  let high: u32 = entries.length;
  while (low < high) {
    halves(high - low);
    const middle: u32 = (low + high) / 2;
    const position: u32 = sortedEntry(index, start, middle);
    const order: u32 = compareNames(entries[position].name, name);
    if (order === 1) return position;
    if (order === 0) low = u32(middle + 1);
    else high = middle;
  }
  return entries.length;
}

/** Whether `name` is in a directory record whose names are sorted. */
function hasName(entries: Items<DirEntry>, name: Bytes): boolean {
  let low: u32 = 0;
  let high: u32 = entries.length;
  while (low < high) {
    halves(high - low);
    const middle: u32 = (low + high) / 2;
    const order: u32 = compareNames(entries[middle].name, name);
    if (order === 1) return true;
    if (order === 0) low = u32(middle + 1);
    else high = middle;
  }
  return false;
}

/**
 * A record of a directory: its layer, its position among the inodes of the layer, and its names; in a listing, also the number
 * of entries of newer records, and whether there are any: a name of theirs hides one of this record.
 */
export interface DirRecord extends Value {
  layer: u32;
  position: u32;
  entries: Items<DirEntry>;
  lookBelow: boolean;
  before: u32;
  covered: boolean;
}

/** The record of directory `dir` in the newest of the layers from `from` on in which it is a directory. */
export function findDirRecord(layers: Layers, dir: u53, from: u32): DirRecord | undefined {
  for (let layer: u32 = from; layer < layers.all.length; layer++) {
    const inodes = layers.all[layer].inodes;
    const position: u32 = searchInodes(inodes, dir);
    if (position < inodes.length && inodes[position].mode.kind === "dir") {
      const record = inodes[position].mode.dir;
      return {
        layer: layer,
        position: position,
        entries: record.entries,
        lookBelow: record.lookBelow,
        before: 0,
        covered: from > 0,
      };
    }
  }
  return undefined;
}

/** The same for a listing, in which newer records have `before` entries. */
function findListed(layers: Layers, dir: u53, from: u32, before: u32): DirRecord | undefined {
  const listed = findDirRecord(layers, dir, from);
  if (listed === undefined) return undefined;
  return {
    layer: listed.layer,
    position: listed.position,
    entries: listed.entries,
    lookBelow: listed.lookBelow,
    before: before,
    covered: true,
  };
}

/** The newest record of a directory, which findInodeRecord found; it has no names if that is of another kind. */
function newestDirRecord(directory: InodeRecord): DirRecord {
  const dir = directory.inode.mode.dir;
  return {
    layer: directory.layer,
    position: directory.position,
    entries: dir.entries,
    lookBelow: dir.lookBelow,
    before: 0,
    covered: false,
  };
}

/** The position of `name` among the entries of a directory record, or their number. */
function findEntry(index: Scratch<u32>, record: DirRecord, name: Bytes): u32 {
  const start: u32 = indexStart(index, record.layer, record.position);
  const found: u32 = searchNames(record.entries, index, start, name);
  return found;
}

/** Finds `name` in the records of directory `dir` in layers from `from` on. */
function findNameBelow(layers: Layers, index: Scratch<u32>, dir: u53, name: Bytes, from: u32): InodeRecord | undefined {
  let layer: u32 = from;
  while (layer < MAX_LAYERS) {
    decreases(MAX_LAYERS - layer);
    const record = findDirRecord(layers, dir, layer);
    if (record === undefined) return undefined;
    const entries = record.entries;
    const found: u32 = findEntry(index, record, name);
    if (found < entries.length) return resolveInode(layers, entries[found].ino);
    if (!record.lookBelow) return undefined;
    layer = u32(record.layer + 1);
  }
  return undefined;
}

/**
 * The record of the inode of `name` in a directory, which findInodeRecord found. `index` was filled by indexNames; it is empty if
 * all names are sorted.
 */
export function findName(
  layers: Layers,
  index: Scratch<u32>,
  directory: InodeRecord,
  name: Bytes,
): InodeRecord | undefined {
  const newest = newestDirRecord(directory);
  const entries = newest.entries;
  const found: u32 = findEntry(index, newest, name);
  if (found < entries.length) return resolveInode(layers, entries[found].ino);
  if (!newest.lookBelow) return undefined;
  return findNameBelow(layers, index, directory.inode.ino, name, u32(newest.layer + 1));
}

/** Whether a layer newer than `layer` has `name` in directory `dir`, and so hides the one of `layer`. */
export function isHidden(layers: Layers, layer: u32, dir: u53, name: Bytes): boolean {
  for (let newer: u32 = 0; newer < layer; newer++) {
    const inodes = layers.all[newer].inodes;
    const position: u32 = searchInodes(inodes, dir);
    if (position >= inodes.length) continue;
    const inode = inodes[position];
    // The record has lookBelow, and so its names are sorted.
    if (inode.mode.kind === "dir" && hasName(inode.mode.dir.entries, name)) return true;
  }
  return false;
}

/** The inode that an entry of a directory record shows; undefined if a newer record hides it, or for a whiteout. */
function resolveEntry(layers: Layers, record: DirRecord, dir: u53, entry: DirEntry): InodeRecord | undefined {
  if (record.covered && isHidden(layers, record.layer, dir, entry.name)) return undefined;
  return resolveInode(layers, entry.ino);
}

/**
 * The record with which a listing of a directory, which findInodeRecord found, continues after `cookie`; 0 starts one. Cookies
 * come from user space and may have any value: only records that show through are returned.
 */
export function openListing(layers: Layers, directory: InodeRecord, cookie: u53): DirRecord | undefined {
  const newest = newestDirRecord(directory);
  let before: u32 = newest.entries.length;
  if (cookie < before) return newest;
  if (!newest.lookBelow) return undefined;
  let layer: u32 = u32(newest.layer + 1);
  while (layer < MAX_LAYERS) {
    decreases(MAX_LAYERS - layer);
    const record = findListed(layers, directory.inode.ino, layer, before);
    if (record === undefined) return undefined;
    before = entriesUntil(record);
    if (cookie < before) return record;
    if (!record.lookBelow) return undefined;
    layer = u32(record.layer + 1);
  }
  return undefined;
}

/** How many entries a record and the newer ones have. */
function entriesUntil(record: DirRecord): u32 {
  return u32(record.before + record.entries.length);
}

/** The record with which a listing continues after the last entry of `record`. */
export function nextListing(layers: Layers, dir: u53, record: DirRecord): DirRecord | undefined {
  if (!record.lookBelow) return undefined;
  return findListed(layers, dir, u32(record.layer + 1), entriesUntil(record));
}

/** The index of the first entry of a record after `cookie`. */
function firstAfter(record: DirRecord, cookie: u53): u32 {
  return u32(difference(cookie, record.before));
}

/** The first entry from `from` on and before `end` that a record of directory `dir` shows. */
function visibleEntry(layers: Layers, dir: u53, record: DirRecord, from: u32, end: u32): VisibleEntry | undefined {
  const entries = record.entries;
  const last: u32 = atMost(entries.length, end);
  for (let i: u32 = from; i < last; i++) {
    const entry = entries[i];
    const found = resolveEntry(layers, record, dir, entry);
    if (found !== undefined) {
      const next: u53 = record.before + i + 1;
      return { cookie: next, shown: true, entry: entry, ordinal: found.ordinal, inode: found.inode };
    }
  }
  return undefined;
}

/**
 * The first name after `cookie` that a record of directory `dir` shows. It looks at few entries: a result that is not shown has
 * the cookie with which the listing goes on.
 */
export function nextVisibleEntry(layers: Layers, dir: u53, record: DirRecord, cookie: u53): VisibleEntry | undefined {
  const from: u32 = firstAfter(record, cookie);
  const end: u32 = u32(from + ENTRIES_AT_ONCE);
  const found = visibleEntry(layers, dir, record, from, end);
  if (found !== undefined) return found;
  if (end >= record.entries.length) return undefined;
  const next: u53 = record.before + end;
  return {
    cookie: next,
    shown: false,
    entry: record.entries[end],
    ordinal: 0,
    inode: layers.newest[layers.newest.length],
  };
}

/** The first name after `cookie` that directory `dir` shows; 0 starts a listing. */
export function nextName(image: Rootfs, dir: u53, cookie: u53): VisibleEntry | undefined {
  const layers = openLayers(image);
  const directory = resolveInode(layers, dir);
  if (directory === undefined) return undefined;
  const first = openListing(layers, directory, cookie);
  if (first === undefined) return undefined;
  const visible = visibleEntry(layers, dir, first, firstAfter(first, cookie), first.entries.length);
  if (visible !== undefined) return visible;
  let below: boolean = first.lookBelow;
  let layer: u32 = first.layer;
  let before: u32 = entriesUntil(first);
  while (layer < MAX_LAYERS) {
    decreases(MAX_LAYERS - layer);
    if (!below) return undefined;
    const record = findListed(layers, dir, u32(layer + 1), before);
    if (record === undefined) return undefined;
    const shown = visibleEntry(layers, dir, record, firstAfter(record, cookie), record.entries.length);
    if (shown !== undefined) return shown;
    below = record.lookBelow;
    layer = record.layer;
    before = entriesUntil(record);
  }
  return undefined;
}
