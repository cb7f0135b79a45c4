/** Finding inodes in a validated image, through its layers. */
import { difference, halves, u32 } from "./language.ts";
import type { Items, Value, u53 } from "./language.ts";
import type { Inode, InodeVector, Rootfs } from "./metadata.ts";

/** The root directory's inode number. */
export const ROOT_INO: u53 = 1;

/** Largest number of layers. An inode is looked up in one layer after the other, so more could cost minutes. */
export const MAX_LAYERS: u32 = 128;

/** An inode, and its number among all inode records of the image, layer after layer: it is at `position` of `layer`. */
export interface InodeRecord extends Value {
  ordinal: u53;
  layer: u32;
  position: u32;
  inode: Inode;
}

/** The position of `ino` among the inodes of a layer, or their number if it is not there. `first` is the number of the first one. */
function searchFrom(inodes: Items<Inode>, first: u53, ino: u53): u32 {
  // Builders number almost without gaps: the position is the difference of the numbers, less the gaps.
  const guess: u32 = u32(difference(ino, first));
  const guessed: u53 = inodes[guess].ino;
  if (guessed === ino && guess < inodes.length) return guess;
  // If there is no other gap between the two, it is as far away as the numbers are.
  const nearer: u32 = u32(difference(guess, difference(guessed, ino)));
  if (inodes[nearer].ino === ino && nearer < inodes.length) return nearer;
  return searchBetween(inodes, guess, ino);
}

/** The same, between the position without gaps and that with all of them before `ino`. */
function searchBetween(inodes: Items<Inode>, guess: u32, ino: u53): u32 {
  const last: u53 = inodes[difference(inodes.length, 1)].ino;
  const gaps: u53 = difference(difference(last, inodes[0].ino), difference(inodes.length, 1));
  let low: u32 = u32(difference(guess, gaps));
  let high: u32 = guess < inodes.length ? guess : inodes.length;
  while (low < high) {
    halves(high - low);
    const middle: u32 = (low + high) / 2;
    const found: u53 = inodes[middle].ino;
    if (found === ino) return middle;
    if (found < ino) low = u32(middle + 1);
    else high = middle;
  }
  return inodes.length;
}

/** The position of `ino` among the inodes of a layer, or their number if it is not there. */
export function searchInodes(inodes: Items<Inode>, ino: u53): u32 {
  return searchFrom(inodes, inodes[0].ino, ino);
}

/**
 * What every look-up begins with, followed once: the layers of an image, the inodes of the newest one, and the number of the first
 * of these.
 */
export interface Layers extends Value {
  all: Items<InodeVector>;
  newest: Items<Inode>;
  first: u53;
}

/** The layers of an image. */
export function openLayers(image: Rootfs): Layers {
  const all = image.metadatas;
  const newest = all[0].inodes;
  return { all: all, newest: newest, first: newest[0].ino };
}

/** Whether any layer has `ino`; a whiteout counts. */
export function hasInode(layers: Layers, ino: u53): boolean {
  const found = newestRecord(layers, ino);
  return found !== undefined;
}

/** Finds `ino` in a layer that is not the newest one. */
function olderRecord(layers: Layers, ino: u53): InodeRecord | undefined {
  let before: u53 = layers.newest.length;
  for (let layer: u32 = 1; layer < layers.all.length; layer++) {
    const inodes = layers.all[layer].inodes;
    const position: u32 = searchInodes(inodes, ino);
    if (position < inodes.length)
      return { ordinal: u32(before) + position, layer: layer, position: position, inode: inodes[position] };
    before = u32(before) + inodes.length;
  }
  return undefined;
}

/** Finds `ino` in the newest of the layers that has it, perhaps a whiteout. */
export function newestRecord(layers: Layers, ino: u53): InodeRecord | undefined {
  const position: u32 = searchFrom(layers.newest, layers.first, ino);
  if (position < layers.newest.length)
    return { ordinal: position, layer: 0, position: position, inode: layers.newest[position] };
  return olderRecord(layers, ino);
}

/** Inode `ino` as newestRecord finds it; a whiteout means absent. */
export function resolveInode(layers: Layers, ino: u53): InodeRecord | undefined {
  const found = newestRecord(layers, ino);
  if (found === undefined) return undefined;
  if (found.inode.mode.kind === "wht") return undefined;
  return found;
}

/** The record of inode `ino`: that of the newest layer that has it, unless it is a whiteout. */
export function findInodeRecord(image: Rootfs, ino: u53): InodeRecord | undefined {
  const layers = openLayers(image);
  return resolveInode(layers, ino);
}

/** Inode `ino`: that of the newest layer that has it, unless it is a whiteout. */
export function findInode(image: Rootfs, ino: u53): Inode | undefined {
  const found = findInodeRecord(image, ino);
  if (found === undefined) return undefined;
  return found.inode;
}

/** How many inode records the image has, in all layers. */
export function countRecords(image: Rootfs): u53 {
  let records: u53 = 0;
  for (const layer of image.metadatas) records = u32(records) + layer.inodes.length;
  return records;
}
