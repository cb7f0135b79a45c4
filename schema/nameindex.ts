/**
 * An index of the names of directories whose builder did not sort them, as the Rust tool's deltas leave some.
 *
 * The index is one list of numbers: how many such directory records there are; for each of them, in the order of
 * layers and inode numbers, its layer, its position among the layer's inodes, and where its part starts; then
 * the parts: the positions of a record's entries in ascending order of their names; then memory for sorting the largest.
 * It is empty if the names of all directories are sorted.
 */
import { decreases, difference, fail, halves, offsetOf, u32 } from "./language.ts";
import type { Items, Scratch, u53 } from "./language.ts";
import type { DirEntry, Inode, Rootfs } from "./metadata.ts";
import { compareNames, sameBytes } from "./names.ts";

/** Numbers in the index for each record, apart from its names. */
export const INDEX_HEAD: u32 = 3;

/** Whether names are in strictly ascending order, as builders write them. */
export function ascending(entries: Items<DirEntry>): boolean {
  for (let i: u32 = 1; i < entries.length; i++) {
    const before = entries[difference(i, 1)].name;
    const name = entries[i].name;
    if (compareNames(before, name) !== 0) return false;
  }
  return true;
}

/** Whether the name of the entry at `a` of the index is less than or equal to that at `b`. */
function precedes(entries: Items<DirEntry>, index: Scratch<u32>, a: u53, b: u53): boolean {
  const first = entries[index[a]];
  const second = entries[index[b]];
  return compareNames(first.name, second.name) !== 2;
}

/** Copies `count` numbers of the index. */
function copyRun(index: Scratch<u32>, from: u32, count: u32, to: u32): void {
  for (let i: u32 = 0; i < count; i++) index[to + i] = index[from + i];
}

/** Merges two adjacent sorted runs of the index, `low` to `middle` and `middle` to `end`, into the one that starts at `to`. */
function mergeRuns(entries: Items<DirEntry>, index: Scratch<u32>, low: u32, middle: u32, end: u32, to: u32): void {
  const count: u32 = u32(difference(end, low));
  // Names were added to a sorted directory: most pairs of runs are in order already.
  if (middle >= end || precedes(entries, index, difference(middle, 1), middle)) {
    copyRun(index, low, count, to);
    return;
  }
  let left: u32 = low;
  let right: u32 = middle;
  for (let i: u32 = 0; i < count; i++) {
    const takesLeft: boolean = right >= end || (left < middle && precedes(entries, index, left, right));
    index[to + i] = index[takesLeft ? left : right];
    if (takesLeft) left = u32(left + 1);
    else right = u32(right + 1);
  }
}

/** Merges the runs of `width` names from `from` on in pairs, into runs from `to` on. */
function mergePass(entries: Items<DirEntry>, index: Scratch<u32>, from: u32, to: u32, width: u32): void {
  const count: u32 = entries.length;
  let low: u32 = 0;
  while (low < count) {
    decreases(count - low);
    const middle: u32 = u32(from + low + width);
    const end: u32 = u32(low + width * 2);
    const last: u32 = u32(from + (end < count ? end : count));
    mergeRuns(entries, index, u32(from + low), middle, last, u32(to + low));
    low = end;
  }
}

/** Sorts the names of a record into the index from `start` on; from `spare` on is as much memory for sorting. */
function sortNames(entries: Items<DirEntry>, index: Scratch<u32>, start: u32, spare: u32): void {
  const count: u32 = entries.length;
  let from: u32 = start;
  let to: u32 = spare;
  let width: u32 = 1;
  for (let i: u32 = 0; i < count; i++) index[start + i] = i;
  while (width < count) {
    decreases(difference(count, width));
    mergePass(entries, index, from, to, width);
    const sorted: u32 = to;
    to = from;
    from = sorted;
    width = u32(width * 2);
  }
  if (from !== start) copyRun(index, from, count, start);
}

/** Refuses a duplicate name. */
function checkTwice(inode: Inode, index: Scratch<u32>, start: u32): void {
  const entries = inode.mode.dir.entries;
  for (let i: u32 = 1; i < entries.length; i++) {
    const before = entries[index[difference(start + i, 1)]];
    const entry = entries[index[start + i]];
    if (sameBytes(before.name, entry.name)) fail("dir-entry-duplicate", inode.ino, offsetOf(entry));
  }
}

/**
 * Last step of validation: fills the index. `records` is the number of directory records that are not sorted,
 * Summary.unsorted; the index has room for Summary.index numbers.
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
      // The end of the index has room for the names of the largest record.
      const spare: u53 = difference(index.length, entries.length);
      sortNames(entries, index, u32(start), u32(spare));
      checkTwice(inode, index, u32(start));
      head = u32(head) + INDEX_HEAD;
      start = u32(start) + entries.length;
    }
  }
}

/** Where the part of the directory record at `position` of `layer` starts in the index; 0 if its names are sorted. */
export function indexStart(index: Scratch<u32>, layer: u32, position: u32): u32 {
  const records: u32 = index[0];
  let low: u32 = 0;
  let high: u32 = records;
  while (low < high) {
    halves(high - low);
    const middle: u32 = (low + high) / 2;
    const head: u53 = 1 + middle * INDEX_HEAD;
    if (index[head] < layer || (index[head] === layer && index[head + 1] < position)) low = u32(middle + 1);
    else high = middle;
  }
  const found: u53 = 1 + low * INDEX_HEAD;
  if (low >= records || index[found] !== layer || index[found + 1] !== position) return 0;
  return index[found + 2];
}

/** The position of entry `i` in ascending order of the names; `start` is the record's indexStart. */
export function sortedEntry(index: Scratch<u32>, start: u32, i: u32): u32 {
  return start === 0 ? i : index[start + i];
}
