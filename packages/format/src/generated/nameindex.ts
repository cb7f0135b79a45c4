// Code generated from schema/nameindex.ts by make codegen. DO NOT EDIT.
import { failure, narrow } from "../runtime.ts";
import { StructList } from "../struct-list.ts";
import { DirEntry, Inode, InodeMode, type Rootfs } from "./metadata.ts";
import { compareNames, sameBytes } from "./names.ts";
import { Rule } from "./rules.ts";
import { dataField, element, listField } from "./wire.ts";

/** Numbers in the index for each record, apart from its names. */
export const INDEX_HEAD = 3;

/** Whether names are in strictly ascending order, as builders write them. */
export function ascending(entries: StructList<DirEntry>): boolean {
  for (let i = 1; i < entries.length; i++) {
    const before = dataField(element(entries.part, i > 1 ? i - 1 : 0), 0);
    const name = dataField(element(entries.part, i), 0);
    if (compareNames(before, name) !== 0) {
      return false;
    }
  }
  return true;
}

/** Whether the name of the entry at `a` of the index is less than or equal to that at `b`. */
function precedes(entries: StructList<DirEntry>, index: Uint32Array, a: number, b: number): boolean {
  const first = new DirEntry(element(entries.part, index[a] ?? 0));
  const second = new DirEntry(element(entries.part, index[b] ?? 0));
  return compareNames(first.name, second.name) !== 2;
}

/** Copies `count` numbers of the index. */
function copyRun(index: Uint32Array, from: number, count: number, to: number): void {
  for (let i = 0; i < count; i++) {
    index[to + i] = index[from + i] ?? 0;
  }
}

/** Merges two adjacent sorted runs of the index, `low` to `middle` and `middle` to `end`, into the one that starts at `to`. */
function mergeRuns(
  entries: StructList<DirEntry>,
  index: Uint32Array,
  low: number,
  middle: number,
  end: number,
  to: number,
): void {
  const count = end > low ? end - low : 0;
  if (middle >= end || precedes(entries, index, middle > 1 ? middle - 1 : 0, middle)) {
    copyRun(index, low, count, to);
    return;
  }
  let left: number = low;
  let right: number = middle;
  for (let i = 0; i < count; i++) {
    const takesLeft = right >= end || (left < middle && precedes(entries, index, left, right));
    index[to + i] = index[takesLeft ? left : right] ?? 0;
    if (takesLeft) {
      left = narrow(left + 1);
    } else {
      right = narrow(right + 1);
    }
  }
}

/** Merges the runs of `width` names from `from` on in pairs, into runs from `to` on. */
function mergePass(entries: StructList<DirEntry>, index: Uint32Array, from: number, to: number, width: number): void {
  const count = entries.length;
  let low: number = 0;
  for (let measure = 0, bound = Infinity; low < count; bound = measure) {
    measure = count > low ? count - low : 0;
    if (measure >= bound) break;
    const middle = narrow(from + low + width);
    const end = narrow(low + width * 2);
    const last = narrow(from + (end < count ? end : count));
    mergeRuns(entries, index, narrow(from + low), middle, last, narrow(to + low));
    low = end;
  }
}

/** Sorts the names of a record into the index from `start` on; from `spare` on is as much memory for sorting. */
function sortNames(entries: StructList<DirEntry>, index: Uint32Array, start: number, spare: number): void {
  const count = entries.length;
  let from: number = start;
  let to: number = spare;
  let width: number = 1;
  for (let i = 0; i < count; i++) {
    index[start + i] = i;
  }
  for (let measure = 0, bound = Infinity; width < count; bound = measure) {
    measure = count > width ? count - width : 0;
    if (measure >= bound) break;
    mergePass(entries, index, from, to, width);
    const sorted = to;
    to = from;
    from = sorted;
    width = narrow(width * 2);
  }
  if (from !== start) {
    copyRun(index, from, count, start);
  }
}

/** Refuses a duplicate name. */
function checkTwice(inode: Inode, index: Uint32Array, start: number): void {
  const entries = new StructList(listField(inode.mode.dir.part, 0), DirEntry);
  for (let i = 1; i < entries.length; i++) {
    const before = new DirEntry(element(entries.part, index[start + i > 1 ? start + i - 1 : 0] ?? 0));
    const entry = new DirEntry(element(entries.part, index[start + i] ?? 0));
    if (sameBytes(before.name, entry.name)) {
      throw failure(Rule["dir-entry-duplicate"], inode.ino, entry.part.at * 8);
    }
  }
}

/**
 * Last step of validation: fills the index. `records` is the number of directory records that are not sorted,
 * Summary.unsorted; the index has room for Summary.index numbers.
 */
export function indexNames(image: Rootfs, records: number, index: Uint32Array): void {
  const layers = image.metadatas;
  let head: number = 1;
  let start: number = 1 + records * INDEX_HEAD;
  index[0] = records;
  for (let layer = 0; layer < layers.length; layer++) {
    const inodes = new StructList(listField(element(layers.part, layer), 0), Inode);
    for (let position = 0; position < inodes.length; position++) {
      const inode = new Inode(element(inodes.part, position));
      if (InodeMode.kindOf(inode.part) !== "dir") {
        continue;
      }
      const entries = new StructList(listField(inode.mode.dir.part, 0), DirEntry);
      if (ascending(entries)) {
        continue;
      }
      index[head] = layer;
      index[narrow(head) + 1] = position;
      index[narrow(head) + 2] = narrow(start);
      const spare = index.length > entries.length ? index.length - entries.length : 0;
      sortNames(entries, index, narrow(start), narrow(spare));
      checkTwice(inode, index, narrow(start));
      head = narrow(head) + INDEX_HEAD;
      start = narrow(start) + entries.length;
    }
  }
}

/** Where the part of the directory record at `position` of `layer` starts in the index; 0 if its names are sorted. */
export function indexStart(index: Uint32Array, layer: number, position: number): number {
  const records = index[0] ?? 0;
  let low: number = 0;
  let high: number = records;
  for (let measure = 0, bound = Infinity; low < high; bound = measure) {
    measure = high > low ? high - low : 0;
    if (measure > bound / 2 || bound === 0) break;
    const middle = Math.floor((low + high) / 2);
    const head = 1 + middle * INDEX_HEAD;
    if ((index[head] ?? 0) < layer || ((index[head] ?? 0) === layer && (index[head + 1] ?? 0) < position)) {
      low = narrow(middle + 1);
    } else {
      high = middle;
    }
  }
  const found = 1 + low * INDEX_HEAD;
  if (low >= records || (index[found] ?? 0) !== layer || (index[found + 1] ?? 0) !== position) {
    return 0;
  }
  return index[found + 2] ?? 0;
}

/** The position of entry `i` in ascending order of the names; `start` is the record's indexStart. */
export function sortedEntry(index: Uint32Array, start: number, i: number): number {
  return start === 0 ? i : (index[start + i] ?? 0);
}
