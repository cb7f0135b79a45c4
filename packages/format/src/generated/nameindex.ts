// Made from schema/nameindex.ts by `make codegen`: change that, not this.
import { StructList, failure, narrow, type Bytes } from "../runtime.ts";
import { DirEntry, Inode, InodeMode, type Rootfs } from "./metadata.ts";
import { compareNames, sameBytes } from "./names.ts";
import { Rule } from "./rules.ts";
import { dataField, element, listField } from "./wire.ts";

/** Numbers that the index has of a record besides its names. */
export const INDEX_HEAD = 3;

/** Whether names ascend, as builders write them. Equal ones do not. */
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

/** The name of the entry whose position stands at `at` of the index. */
function nameAt(entries: StructList<DirEntry>, index: Uint32Array, at: number): Bytes {
  return dataField(element(entries.part, index[at] ?? 0), 0);
}

/** Moves the number at `place` of a heap of `count` names, which starts at `start` of the index, down to its place. */
function siftDown(
  entries: StructList<DirEntry>,
  index: Uint32Array,
  start: number,
  place: number,
  count: number,
): void {
  let root: number = place;
  for (let step = 0; step < 32; step++) {
    const left = narrow(root * 2 + 1);
    const right = narrow(left + 1);
    if (left >= count) {
      return;
    }
    let largest: number = left;
    if (right < count) {
      const order = compareNames(nameAt(entries, index, start + left), nameAt(entries, index, start + right));
      if (order === 0) {
        largest = right;
      }
    }
    const moved = index[start + root] ?? 0;
    const other = index[start + largest] ?? 0;
    if (compareNames(dataField(element(entries.part, moved), 0), dataField(element(entries.part, other), 0)) !== 0) {
      return;
    }
    index[start + root] = other;
    index[start + largest] = moved;
    root = largest;
  }
}

/** Sorts the names of a record into the index from `start` on, and refuses one that is there twice. */
function sortNames(inode: Inode, index: Uint32Array, start: number): void {
  const entries = new StructList(listField(inode.mode.dir.part, 0), DirEntry);
  const count = entries.length;
  for (let i = 0; i < count; i++) {
    index[start + i] = i;
  }
  for (let i = 0; i < count >>> 1; i++) {
    siftDown(entries, index, start, count >>> 1 > i + 1 ? (count >>> 1) - (i + 1) : 0, count);
  }
  for (let i = 1; i < count; i++) {
    const last = count > i ? count - i : 0;
    const moved = index[start] ?? 0;
    index[start] = index[start + last] ?? 0;
    index[start + last] = moved;
    siftDown(entries, index, start, 0, last);
  }
  for (let i = 1; i < count; i++) {
    const entry = new DirEntry(element(entries.part, index[start + i] ?? 0));
    const before = nameAt(entries, index, start + (i > 1 ? i - 1 : 0));
    if (sameBytes(before, entry.name)) {
      throw failure(Rule["dir-entry-duplicate"], inode.ino, entry.part.at * 8);
    }
  }
}

/**
 * Last step: fills the index. `records` is how many directory records are not sorted, as validate has counted; the
 * index has room for what it said.
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
      sortNames(inode, index, narrow(start));
      head = narrow(head) + INDEX_HEAD;
      start = narrow(start) + entries.length;
    }
  }
}

/** Where the part of the directory record at `position` of `layer` starts in the index; 0 where its names are sorted. */
export function indexStart(index: Uint32Array, layer: number, position: number): number {
  const records = index[0] ?? 0;
  let low: number = 0;
  let high: number = records;
  for (let measure = 0, bound = Infinity; low < high; bound = measure) {
    measure = high > low ? high - low : 0;
    if (measure >= bound) break;
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

/** The entry whose name is number `i` in ascending order; `start` is what indexStart gave. */
export function sortedEntry(index: Uint32Array, start: number, i: number): number {
  return start === 0 ? i : (index[start + i] ?? 0);
}
