// Code generated from schema/layers.ts by make codegen. DO NOT EDIT.
import { narrow } from "../runtime.ts";
import { StructList } from "../struct-list.ts";
import { Inode, InodeMode, InodeVector, type Rootfs } from "./metadata.ts";
import { element, listField, u53Field } from "./wire.ts";

/** The root directory's inode number. */
export const ROOT_INO = 1;

/** Largest number of layers. An inode is looked up in one layer after the other, so more could cost minutes. */
export const MAX_LAYERS = 128;

/** An inode, and its number among all inode records of the image, layer after layer: it is at `position` of `layer`. */
export interface InodeRecord {
  readonly ordinal: number;
  readonly layer: number;
  readonly position: number;
  readonly inode: Inode;
}

/**
 * What every look-up begins with, followed once: the layers of an image, the inodes of the newest one, and the number of the first
 * of these.
 */
export interface Layers {
  readonly all: StructList<InodeVector>;
  readonly newest: StructList<Inode>;
  readonly first: number;
}

/** The position of `ino` among the inodes of a layer, or their number if it is not there. `first` is the number of the first one. */
function searchFrom(inodes: StructList<Inode>, first: number, ino: number): number {
  const guess = narrow(ino > first ? ino - first : 0);
  const guessed = u53Field(element(inodes.part, guess), 0);
  if (guessed === ino && guess < inodes.length) {
    return guess;
  }
  const nearer = guess > (guessed > ino ? guessed - ino : 0) ? guess - (guessed > ino ? guessed - ino : 0) : 0;
  if (u53Field(element(inodes.part, nearer), 0) === ino && nearer < inodes.length) {
    return nearer;
  }
  return searchBetween(inodes, guess, ino);
}

/** The same, between the position without gaps and that with all of them before `ino`. */
function searchBetween(inodes: StructList<Inode>, guess: number, ino: number): number {
  const last = u53Field(element(inodes.part, inodes.length > 1 ? inodes.length - 1 : 0), 0);
  const gaps =
    (last > u53Field(element(inodes.part, 0), 0) ? last - u53Field(element(inodes.part, 0), 0) : 0) >
    (inodes.length > 1 ? inodes.length - 1 : 0)
      ? (last > u53Field(element(inodes.part, 0), 0) ? last - u53Field(element(inodes.part, 0), 0) : 0) -
        (inodes.length > 1 ? inodes.length - 1 : 0)
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

/** The position of `ino` among the inodes of a layer, or their number if it is not there. */
export function searchInodes(inodes: StructList<Inode>, ino: number): number {
  return searchFrom(inodes, u53Field(element(inodes.part, 0), 0), ino);
}

/** The layers of an image. */
export function openLayers(image: Rootfs): Layers {
  const all = image.metadatas;
  const newest = new StructList(listField(element(all.part, 0), 0), Inode);
  return { all: all, newest: newest, first: u53Field(element(newest.part, 0), 0) };
}

/** Whether any layer has `ino`; a whiteout counts. */
export function hasInode(layers: Layers, ino: number): boolean {
  const found = newestRecord(layers, ino);
  return found !== undefined;
}

/** Finds `ino` in a layer that is not the newest one. */
function olderRecord(layers: Layers, ino: number): InodeRecord | undefined {
  let before: number = layers.newest.length;
  for (let layer = 1; layer < layers.all.length; layer++) {
    const inodes = new StructList(listField(element(layers.all.part, layer), 0), Inode);
    const position = searchInodes(inodes, ino);
    if (position < inodes.length) {
      return {
        ordinal: narrow(before) + position,
        layer: layer,
        position: position,
        inode: new Inode(element(inodes.part, position)),
      };
    }
    before = narrow(before) + inodes.length;
  }
  return undefined;
}

/** Finds `ino` in the newest of the layers that has it, perhaps a whiteout. */
export function newestRecord(layers: Layers, ino: number): InodeRecord | undefined {
  const position = searchFrom(layers.newest, layers.first, ino);
  if (position < layers.newest.length) {
    return { ordinal: position, layer: 0, position: position, inode: new Inode(element(layers.newest.part, position)) };
  }
  return olderRecord(layers, ino);
}

/** Inode `ino` as newestRecord finds it; a whiteout means absent. */
export function resolveInode(layers: Layers, ino: number): InodeRecord | undefined {
  const found = newestRecord(layers, ino);
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
  const layers = openLayers(image);
  return resolveInode(layers, ino);
}

/** Inode `ino`: that of the newest layer that has it, unless it is a whiteout. */
export function findInode(image: Rootfs, ino: number): Inode | undefined {
  const found = findInodeRecord(image, ino);
  if (found === undefined) {
    return undefined;
  }
  return found.inode;
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
