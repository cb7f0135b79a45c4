// Code generated from schema/layers.ts by make codegen. DO NOT EDIT.
import { narrow } from "../runtime.ts";
import { StructList } from "../struct-list.ts";
import { Inode, InodeMode, InodeVector, type Rootfs } from "./metadata.ts";
import { element, listField, u53Field } from "./wire.ts";

/** The root directory's inode number. */
export const ROOT_INO = 1;

/** Largest number of layers. An inode is looked up in one layer after the other, so more could cost minutes. */
export const MAX_LAYERS = 128;

/** An inode, and its number among all inode records of the image, layer after layer. */
export interface InodeRecord {
  readonly ordinal: number;
  readonly inode: Inode;
}

/** The position of `ino` among the inodes of a layer, or their number if it is not there. */
export function searchInodes(inodes: StructList<Inode>, ino: number): number {
  const first = u53Field(element(inodes.part, 0), 0);
  const last = u53Field(element(inodes.part, inodes.length > 1 ? inodes.length - 1 : 0), 0);
  const guess = narrow(ino > first ? ino - first : 0);
  if (guess < inodes.length && u53Field(element(inodes.part, guess), 0) === ino) {
    return guess;
  }
  const gaps =
    (last > first ? last - first : 0) > (inodes.length > 1 ? inodes.length - 1 : 0)
      ? (last > first ? last - first : 0) - (inodes.length > 1 ? inodes.length - 1 : 0)
      : 0;
  let low: number = guess > gaps ? guess - gaps : 0;
  let high: number = guess < inodes.length ? guess : inodes.length;
  for (let measure = 0, bound = Infinity; low < high; bound = measure) {
    measure = high > low ? high - low : 0;
    if (measure > bound / 2 || bound === 0) break;
    const middle = Math.floor((low + high) / 2);
    const found = u53Field(element(inodes.part, middle), 0);
    if (found === ino) {
      return middle;
    }
    if (found < ino) {
      low = narrow(middle + 1);
    } else {
      high = middle;
    }
  }
  return inodes.length;
}

/** Whether any layer has `ino`; a whiteout counts. */
export function hasInode(layers: StructList<InodeVector>, ino: number): boolean {
  for (let layer = 0; layer < layers.length; layer++) {
    const inodes = new StructList(listField(element(layers.part, layer), 0), Inode);
    if (searchInodes(inodes, ino) < inodes.length) {
      return true;
    }
  }
  return false;
}

/**
 * Finds `ino` in the newest of the layers that has it, perhaps a whiteout. `newest` is the inodes of the first layer: a caller
 * that looks up many reads them once.
 */
export function newestRecord(
  layers: StructList<InodeVector>,
  newest: StructList<Inode>,
  ino: number,
): InodeRecord | undefined {
  const first = searchInodes(newest, ino);
  if (first < newest.length) {
    return { ordinal: first, inode: new Inode(element(newest.part, first)) };
  }
  let before: number = newest.length;
  for (let layer = 1; layer < layers.length; layer++) {
    const inodes = new StructList(listField(element(layers.part, layer), 0), Inode);
    const index = searchInodes(inodes, ino);
    if (index < inodes.length) {
      return { ordinal: narrow(before) + index, inode: new Inode(element(inodes.part, index)) };
    }
    before = narrow(before) + inodes.length;
  }
  return undefined;
}

/** Inode `ino` as newestRecord finds it; a whiteout means absent. */
export function resolveInode(
  layers: StructList<InodeVector>,
  newest: StructList<Inode>,
  ino: number,
): InodeRecord | undefined {
  const found = newestRecord(layers, newest, ino);
  if (found === undefined) {
    return undefined;
  }
  if (InodeMode.kindOf(found.inode.part) === "wht") {
    return undefined;
  }
  return found;
}

/** The record of inode `ino`: that of the newest layer that has it, unless it is a whiteout. */
export function findInodeRecord(image: Rootfs, ino: number): InodeRecord | undefined {
  const layers = image.metadatas;
  return resolveInode(layers, new StructList(listField(element(layers.part, 0), 0), Inode), ino);
}

/** The inode that resolveInode finds. */
export function resolvedInode(
  layers: StructList<InodeVector>,
  newest: StructList<Inode>,
  ino: number,
): Inode | undefined {
  const found = resolveInode(layers, newest, ino);
  if (found === undefined) {
    return undefined;
  }
  return found.inode;
}

/** Inode `ino`: that of the newest layer that has it, unless it is a whiteout. */
export function findInode(image: Rootfs, ino: number): Inode | undefined {
  const layers = image.metadatas;
  return resolvedInode(layers, new StructList(listField(element(layers.part, 0), 0), Inode), ino);
}

/** How many inode records the image has, in all layers. */
export function countRecords(image: Rootfs): number {
  let records: number = 0;
  for (let layerList = listField(image.part, 0), layerIndex = 0; layerIndex < layerList.count; layerIndex++) {
    const layer = new InodeVector(element(layerList, layerIndex));
    records = narrow(records) + listField(layer.part, 0).count;
  }
  return records;
}
