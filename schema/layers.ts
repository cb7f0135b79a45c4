/** Finding inodes in a validated image, through its layers. */
import { difference, halves, u32 } from "./language.ts";
import type { Items, Value, u53 } from "./language.ts";
import type { Inode, InodeVector, Rootfs } from "./metadata.ts";

/** The root directory's inode number. */
export const ROOT_INO: u53 = 1;

/** Largest number of layers. An inode is looked up in one layer after the other, so more could cost minutes. */
export const MAX_LAYERS: u32 = 128;

/** An inode, and its number among all inode records of the image, layer after layer. */
export interface InodeRecord extends Value {
  ordinal: u53;
  inode: Inode;
}

/** The position of `ino` among the inodes of a layer, or their number if it is not there. */
export function searchInodes(inodes: Items<Inode>, ino: u53): u32 {
  // Builders number almost without gaps: the position is the difference of the numbers, less at most all gaps.
  const first: u53 = inodes[0].ino;
  const last: u53 = inodes[difference(inodes.length, 1)].ino;
  const guess: u32 = u32(difference(ino, first));
  if (guess < inodes.length && inodes[guess].ino === ino) return guess;
  const gaps: u53 = difference(difference(last, first), difference(inodes.length, 1));
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

/** Whether any layer has `ino`; a whiteout counts. */
export function hasInode(layers: Items<InodeVector>, ino: u53): boolean {
  for (let layer: u32 = 0; layer < layers.length; layer++) {
    const inodes = layers[layer].inodes;
    if (searchInodes(inodes, ino) < inodes.length) return true;
  }
  return false;
}

/**
 * Finds `ino` in the newest of the layers that has it, perhaps a whiteout. `newest` is the inodes of the first layer: a caller
 * that looks up many reads them once.
 */
export function newestRecord(layers: Items<InodeVector>, newest: Items<Inode>, ino: u53): InodeRecord | undefined {
  const first: u32 = searchInodes(newest, ino);
  if (first < newest.length) return { ordinal: first, inode: newest[first] };
  let before: u53 = newest.length;
  for (let layer: u32 = 1; layer < layers.length; layer++) {
    const inodes = layers[layer].inodes;
    const index: u32 = searchInodes(inodes, ino);
    if (index < inodes.length) return { ordinal: u32(before) + index, inode: inodes[index] };
    before = u32(before) + inodes.length;
  }
  return undefined;
}

/** Inode `ino` as newestRecord finds it; a whiteout means absent. */
export function resolveInode(layers: Items<InodeVector>, newest: Items<Inode>, ino: u53): InodeRecord | undefined {
  const found = newestRecord(layers, newest, ino);
  if (found === undefined) return undefined;
  if (found.inode.mode.kind === "wht") return undefined;
  return found;
}

/** The record of inode `ino`: that of the newest layer that has it, unless it is a whiteout. */
export function findInodeRecord(image: Rootfs, ino: u53): InodeRecord | undefined {
  const layers = image.metadatas;
  return resolveInode(layers, layers[0].inodes, ino);
}

/** The inode that resolveInode finds. */
export function resolvedInode(layers: Items<InodeVector>, newest: Items<Inode>, ino: u53): Inode | undefined {
  const found = resolveInode(layers, newest, ino);
  if (found === undefined) return undefined;
  return found.inode;
}

/** Inode `ino`: that of the newest layer that has it, unless it is a whiteout. */
export function findInode(image: Rootfs, ino: u53): Inode | undefined {
  const layers = image.metadatas;
  return resolvedInode(layers, layers[0].inodes, ino);
}

/** How many inode records the image has, in all layers. */
export function countRecords(image: Rootfs): u53 {
  let records: u53 = 0;
  for (const layer of image.metadatas) records = u32(records) + layer.inodes.length;
  return records;
}
