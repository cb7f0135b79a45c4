// Code generated from schema/directories.ts by make codegen. DO NOT EDIT.
import { narrow, type Bytes } from "../runtime.ts";
import { StructList } from "../struct-list.ts";
import { MAX_LAYERS, openLayers, resolveInode, searchInodes, type InodeRecord, type Layers } from "./layers.ts";
import { DirEntry, Inode, InodeMode, type Rootfs } from "./metadata.ts";
import { indexStart, sortedEntry } from "./nameindex.ts";
import { compareNames } from "./names.ts";
import { dataField, element, listField, u53Field } from "./wire.ts";

/** Largest number of records of one directory with lookBelow: a name is looked up in one after the other. */
export const MAX_LOOK_BELOW = 16;

/** Entries that nextVisibleEntry looks at before it returns. */
const ENTRIES_AT_ONCE = 128;

/**
 * A name that a directory shows; `cookie` resumes the listing after it: the number of entries of the directory up to this one, in
 * its newer records and in its own, shown or not. It fits in the 31 bits of an offset in 32-bit programs.
 */
export interface VisibleEntry {
  readonly cookie: number;
  /** Whether the directory shows it; otherwise many entries were hidden, and the listing goes on after `cookie`. */
  readonly shown: boolean;
  readonly entry: DirEntry;
  readonly ordinal: number;
  readonly inode: Inode;
}

/**
 * A record of a directory: its layer, its position among the inodes of the layer, and its names; in a listing, also the number
 * of entries of newer records, and whether there are any: a name of theirs hides one of this record.
 */
export interface DirRecord {
  readonly layer: number;
  readonly position: number;
  readonly entries: StructList<DirEntry>;
  readonly lookBelow: boolean;
  readonly before: number;
  readonly covered: boolean;
}

/** The position of `name` in a directory record, or the number of its entries. `start` is the record's indexStart. */
function searchNames(entries: StructList<DirEntry>, index: Uint32Array, start: number, name: Bytes): number {
  let low: number = 0;
  let high: number = entries.length;
  for (let measure = 0, bound = Infinity; low < high; bound = measure) {
    measure = high > low ? high - low : 0;
    if (measure > bound / 2 || bound === 0) break;
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

/** Whether `name` is in a directory record whose names are sorted. */
function hasName(entries: StructList<DirEntry>, name: Bytes): boolean {
  let low: number = 0;
  let high: number = entries.length;
  for (let measure = 0, bound = Infinity; low < high; bound = measure) {
    measure = high > low ? high - low : 0;
    if (measure > bound / 2 || bound === 0) break;
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

/** The record of directory `dir` in the newest of the layers from `from` on in which it is a directory. */
export function findDirRecord(layers: Layers, dir: number, from: number): DirRecord | undefined {
  for (let layer = from; layer < layers.all.length; layer++) {
    const inodes = new StructList(listField(element(layers.all.part, layer), 0), Inode);
    const position = searchInodes(inodes, dir);
    if (position < inodes.length && InodeMode.kindOf(element(inodes.part, position)) === "dir") {
      const record = new Inode(element(inodes.part, position)).mode.dir;
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
function findListed(layers: Layers, dir: number, from: number, before: number): DirRecord | undefined {
  const listed = findDirRecord(layers, dir, from);
  if (listed === undefined) {
    return undefined;
  }
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
function findEntry(index: Uint32Array, record: DirRecord, name: Bytes): number {
  const start = indexStart(index, record.layer, record.position);
  const found = searchNames(record.entries, index, start, name);
  return found;
}

/** Finds `name` in the records of directory `dir` in layers from `from` on. */
function findNameBelow(
  layers: Layers,
  index: Uint32Array,
  dir: number,
  name: Bytes,
  from: number,
): InodeRecord | undefined {
  let layer: number = from;
  for (let measure = 0, bound = Infinity; layer < MAX_LAYERS; bound = measure) {
    measure = MAX_LAYERS > layer ? MAX_LAYERS - layer : 0;
    if (measure >= bound) break;
    const record = findDirRecord(layers, dir, layer);
    if (record === undefined) {
      return undefined;
    }
    const entries = record.entries;
    const found = findEntry(index, record, name);
    if (found < entries.length) {
      return resolveInode(layers, u53Field(element(entries.part, found), 0));
    }
    if (!record.lookBelow) {
      return undefined;
    }
    layer = narrow(record.layer + 1);
  }
  return undefined;
}

/**
 * The record of the inode of `name` in a directory, which findInodeRecord found. `index` was filled by indexNames; it is empty if
 * all names are sorted.
 */
export function findName(
  layers: Layers,
  index: Uint32Array,
  directory: InodeRecord,
  name: Bytes,
): InodeRecord | undefined {
  const newest = newestDirRecord(directory);
  const entries = newest.entries;
  const found = findEntry(index, newest, name);
  if (found < entries.length) {
    return resolveInode(layers, u53Field(element(entries.part, found), 0));
  }
  if (!newest.lookBelow) {
    return undefined;
  }
  return findNameBelow(layers, index, u53Field(directory.inode.part, 0), name, narrow(newest.layer + 1));
}

/** Whether a layer newer than `layer` has `name` in directory `dir`, and so hides the one of `layer`. */
export function isHidden(layers: Layers, layer: number, dir: number, name: Bytes): boolean {
  for (let newer = 0; newer < layer; newer++) {
    const inodes = new StructList(listField(element(layers.all.part, newer), 0), Inode);
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

/** The inode that an entry of a directory record shows; undefined if a newer record hides it, or for a whiteout. */
function resolveEntry(layers: Layers, record: DirRecord, dir: number, entry: DirEntry): InodeRecord | undefined {
  if (record.covered && isHidden(layers, record.layer, dir, entry.name)) {
    return undefined;
  }
  return resolveInode(layers, entry.ino);
}

/**
 * The record with which a listing of a directory, which findInodeRecord found, continues after `cookie`; 0 starts one. Cookies
 * come from user space and may have any value: only records that show through are returned.
 */
export function openListing(layers: Layers, directory: InodeRecord, cookie: number): DirRecord | undefined {
  const newest = newestDirRecord(directory);
  let before: number = newest.entries.length;
  if (cookie < before) {
    return newest;
  }
  if (!newest.lookBelow) {
    return undefined;
  }
  let layer: number = narrow(newest.layer + 1);
  for (let measure = 0, bound = Infinity; layer < MAX_LAYERS; bound = measure) {
    measure = MAX_LAYERS > layer ? MAX_LAYERS - layer : 0;
    if (measure >= bound) break;
    const record = findListed(layers, u53Field(directory.inode.part, 0), layer, before);
    if (record === undefined) {
      return undefined;
    }
    before = entriesUntil(record);
    if (cookie < before) {
      return record;
    }
    if (!record.lookBelow) {
      return undefined;
    }
    layer = narrow(record.layer + 1);
  }
  return undefined;
}

/** How many entries a record and the newer ones have. */
function entriesUntil(record: DirRecord): number {
  return narrow(record.before + record.entries.length);
}

/** The record with which a listing continues after the last entry of `record`. */
export function nextListing(layers: Layers, dir: number, record: DirRecord): DirRecord | undefined {
  if (!record.lookBelow) {
    return undefined;
  }
  return findListed(layers, dir, narrow(record.layer + 1), entriesUntil(record));
}

/** The index of the first entry of a record after `cookie`. */
function firstAfter(record: DirRecord, cookie: number): number {
  return narrow(cookie > record.before ? cookie - record.before : 0);
}

/** The first entry from `from` on and before `end` that a record of directory `dir` shows. */
function visibleEntry(
  layers: Layers,
  dir: number,
  record: DirRecord,
  from: number,
  end: number,
): VisibleEntry | undefined {
  const entries = record.entries;
  const last = Math.min(entries.length, end);
  for (let i = from; i < last; i++) {
    const entry = new DirEntry(element(entries.part, i));
    const found = resolveEntry(layers, record, dir, entry);
    if (found !== undefined) {
      const next = record.before + i + 1;
      return { cookie: next, shown: true, entry: entry, ordinal: found.ordinal, inode: found.inode };
    }
  }
  return undefined;
}

/**
 * The first name after `cookie` that a record of directory `dir` shows. It looks at few entries: a result that is not shown has
 * the cookie with which the listing goes on.
 */
export function nextVisibleEntry(
  layers: Layers,
  dir: number,
  record: DirRecord,
  cookie: number,
): VisibleEntry | undefined {
  const from = firstAfter(record, cookie);
  const end = narrow(from + ENTRIES_AT_ONCE);
  const found = visibleEntry(layers, dir, record, from, end);
  if (found !== undefined) {
    return found;
  }
  if (end >= record.entries.length) {
    return undefined;
  }
  const next = record.before + end;
  return {
    cookie: next,
    shown: false,
    entry: new DirEntry(element(record.entries.part, end)),
    ordinal: 0,
    inode: new Inode(element(layers.newest.part, layers.newest.length)),
  };
}

/** The first name after `cookie` that directory `dir` shows; 0 starts a listing. */
export function nextName(image: Rootfs, dir: number, cookie: number): VisibleEntry | undefined {
  const layers = openLayers(image);
  const directory = resolveInode(layers, dir);
  if (directory === undefined) {
    return undefined;
  }
  const first = openListing(layers, directory, cookie);
  if (first === undefined) {
    return undefined;
  }
  const visible = visibleEntry(layers, dir, first, firstAfter(first, cookie), first.entries.length);
  if (visible !== undefined) {
    return visible;
  }
  let below: boolean = first.lookBelow;
  let layer: number = first.layer;
  let before: number = entriesUntil(first);
  for (let measure = 0, bound = Infinity; layer < MAX_LAYERS; bound = measure) {
    measure = MAX_LAYERS > layer ? MAX_LAYERS - layer : 0;
    if (measure >= bound) break;
    if (!below) {
      return undefined;
    }
    const record = findListed(layers, dir, narrow(layer + 1), before);
    if (record === undefined) {
      return undefined;
    }
    const shown = visibleEntry(layers, dir, record, firstAfter(record, cookie), record.entries.length);
    if (shown !== undefined) {
      return shown;
    }
    below = record.lookBelow;
    layer = record.layer;
    before = entriesUntil(record);
  }
  return undefined;
}
