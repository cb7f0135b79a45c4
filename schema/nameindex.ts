/**
 * An index of the names of directories whose builder did not sort them, as the Rust tool's deltas leave some.
 *
 * The index is one list of numbers: how many such directory records there are; for each of them, in the order of
 * layers and inode numbers, its layer, its position among the layer's inodes, and where its part starts; then
 * the parts: the positions of a record's entries in ascending order of their names. It is empty where all are sorted.
 */
import { decreases, difference, fail, offsetOf, u32 } from "./language.ts";
import type { Bytes, Items, Scratch, u53 } from "./language.ts";
import type { DirEntry, Inode, Rootfs } from "./metadata.ts";
import { compareNames, sameBytes } from "./names.ts";

/** Numbers that the index has of a record besides its names. */
export const INDEX_HEAD: u32 = 3;

/** Whether names ascend, as builders write them. Equal ones do not. */
export function ascending(entries: Items<DirEntry>): boolean {
  for (let i: u32 = 1; i < entries.length; i++) {
    const before = entries[difference(i, 1)].name;
    const name = entries[i].name;
    if (compareNames(before, name) !== 0) return false;
  }
  return true;
}

/** The name of the entry whose position stands at `at` of the index. */
function nameAt(entries: Items<DirEntry>, index: Scratch<u32>, at: u53): Bytes {
  return entries[index[at]].name;
}

/** Moves the number at `place` of a heap of `count` names, which starts at `start` of the index, down to its place. */
function siftDown(entries: Items<DirEntry>, index: Scratch<u32>, start: u32, place: u32, count: u32): void {
  let root: u32 = place;
  for (let step: u32 = 0; step < 32; step++) {
    const left: u32 = u32(root * 2 + 1);
    const right: u32 = u32(left + 1);
    if (left >= count) return;
    let largest: u32 = left;
    if (right < count) {
      const order: u32 = compareNames(nameAt(entries, index, start + left), nameAt(entries, index, start + right));
      if (order === 0) largest = right;
    }
    const moved: u32 = index[start + root];
    const other: u32 = index[start + largest];
    if (compareNames(entries[moved].name, entries[other].name) !== 0) return;
    index[start + root] = other;
    index[start + largest] = moved;
    root = largest;
  }
}

/** Sorts the names of a record into the index from `start` on, and refuses one that is there twice. */
function sortNames(inode: Inode, index: Scratch<u32>, start: u32): void {
  const entries = inode.mode.dir.entries;
  const count: u32 = entries.length;
  for (let i: u32 = 0; i < count; i++) index[start + i] = i;
  for (let i: u32 = 0; i < count / 2; i++) siftDown(entries, index, start, u32(difference(count / 2, i + 1)), count);
  for (let i: u32 = 1; i < count; i++) {
    const last: u32 = u32(difference(count, i));
    const moved: u32 = index[start];
    index[start] = index[start + last];
    index[start + last] = moved;
    siftDown(entries, index, start, 0, last);
  }
  for (let i: u32 = 1; i < count; i++) {
    const entry = entries[index[start + i]];
    const before = nameAt(entries, index, start + difference(i, 1));
    if (sameBytes(before, entry.name)) fail("dir-entry-duplicate", inode.ino, offsetOf(entry));
  }
}

/**
 * Last step: fills the index. `records` is how many directory records are not sorted, as validate has counted; the
 * index has room for what it said.
 */
export function indexNames(image: Rootfs, records: u32, index: Scratch<u32>): void {
  const layers = image.metadatas;
  let head: u53 = 1;
  let start: u53 = 1 + records * INDEX_HEAD;
  index[0] = records;
  for (let layer: u32 = 0; layer < layers.length; layer++) {
    const inodes = layers[layer].inodes;
    for (let position: u32 = 0; position < inodes.length; position++) {
      const inode = inodes[position];
      if (inode.mode.kind !== "dir") continue;
      const entries = inode.mode.dir.entries;
      if (ascending(entries)) continue;
      index[head] = layer;
      index[u32(head) + 1] = position;
      index[u32(head) + 2] = u32(start);
      sortNames(inode, index, u32(start));
      head = u32(head) + INDEX_HEAD;
      start = u32(start) + entries.length;
    }
  }
}

/** Where the part of the directory record at `position` of `layer` starts in the index; 0 where its names are sorted. */
export function indexStart(index: Scratch<u32>, layer: u32, position: u32): u32 {
  const records: u32 = index[0];
  let low: u32 = 0;
  let high: u32 = records;
  while (low < high) {
    decreases(high - low);
    const middle: u32 = (low + high) / 2;
    const head: u53 = 1 + middle * INDEX_HEAD;
    if (index[head] < layer || (index[head] === layer && index[head + 1] < position)) low = u32(middle + 1);
    else high = middle;
  }
  const found: u53 = 1 + low * INDEX_HEAD;
  if (low >= records || index[found] !== layer || index[found + 1] !== position) return 0;
  return index[found + 2];
}

/** The entry whose name is number `i` in ascending order; `start` is what indexStart gave. */
export function sortedEntry(index: Scratch<u32>, start: u32, i: u32): u32 {
  return start === 0 ? i : index[start + i];
}
