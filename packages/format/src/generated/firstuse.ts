// Code generated from schema/firstuse.ts by make codegen. DO NOT EDIT.
import { failure, narrow } from "../runtime.ts";
import { StructList } from "../struct-list.ts";
import { followInode } from "./checks.ts";
import { MAX_LOOK_BELOW, findDirRecord } from "./directories.ts";
import { MAX_LAYERS, type Layers } from "./layers.ts";
import { DirEntry, Inode, InodeMode, InodeVector, VerityData, type Rootfs } from "./metadata.ts";
import { recordsTree, traitsOf } from "./recorded.ts";
import { Rule } from "./rules.ts";
import { checkCounts, checkRecord, checkRoot, checkTarget, openRootfs } from "./validate.ts";
import { checkedList, element, listField, type Message, u32Field, u53Field } from "./wire.ts";

/** Checks what is needed to find inodes, and that there is a root if the image records its tree. `work` is one number, which checkInode takes too. */
export function checkOutline(message: Message, work: Float64Array): Rootfs {
  const image = openRootfs(message, work);
  const layers = new StructList(checkedList(image.part, 0, work), InodeVector);
  if (layers.length > MAX_LAYERS) {
    throw failure(Rule["too-many-layers"], 0, image.part.at * 8);
  }
  for (let layerList = layers.part, layerIndex = 0; layerIndex < layerList.count; layerIndex++) {
    const layer = new InodeVector(element(layerList, layerIndex));
    new StructList(checkedList(layer.part, 0, work), Inode);
  }
  checkCounts(message, image);
  new StructList(checkedList(image.part, 1, work), VerityData);
  if (recordsTree(image)) {
    checkRoot(image);
  }
  return image;
}

/** Checks one record of an inode; of a directory also the names in it, and that their inodes exist. */
function checkOneRecord(layers: Layers, inode: Inode, work: Float64Array): void {
  followInode(inode, work);
  const sorted = checkRecord(inode);
  if (!sorted) {
    throw failure(Rule["recorded-unsorted"], inode.ino, inode.part.at * 8);
  }
  if (InodeMode.kindOf(inode.part) !== "dir") {
    return;
  }
  for (let entryList = listField(inode.mode.dir.part, 0), entryIndex = 0; entryIndex < entryList.count; entryIndex++) {
    const entry = new DirEntry(element(entryList, entryIndex));
    checkTarget(layers, entry, inode.ino);
  }
}

/**
 * Checks a visible inode of an image that records its tree, before its first use: every rule that concerns it alone, and that
 * it has only the recorded traits. Not that numbers of links and parents are true, for which `validate` walks the tree.
 */
export function checkInode(image: Rootfs, layers: Layers, inode: Inode, work: Float64Array): void {
  const traits = traitsOf(inode);
  if ((traits | image.traits) >>> 0 !== image.traits) {
    throw failure(Rule["recorded-totals"], inode.ino, inode.part.at * 8);
  }
  if (InodeMode.kindOf(inode.part) !== "dir") {
    checkOneRecord(layers, inode, work);
    return;
  }
  let layer: number = 0;
  let recordsAbove: number = 0;
  for (let measure = 0, bound = Infinity; layer < MAX_LAYERS; bound = measure) {
    measure = MAX_LAYERS > layer ? MAX_LAYERS - layer : 0;
    if (measure >= bound) break;
    const record = findDirRecord(layers, inode.ino, layer);
    if (record === undefined) {
      break;
    }
    if (recordsAbove > MAX_LOOK_BELOW) {
      throw failure(Rule["look-below-depth"], inode.ino, inode.part.at * 8);
    }
    recordsAbove = narrow(recordsAbove + 1);
    const inodes = new StructList(listField(element(layers.all.part, record.layer), 0), Inode);
    checkOneRecord(layers, new Inode(element(inodes.part, record.position)), work);
    if (!record.lookBelow) {
      break;
    }
    layer = narrow(record.layer + 1);
  }
  if (u32Field(inode.mode.dir.part, 4) < 2) {
    throw failure(Rule["recorded-links"], inode.ino, inode.part.at * 8);
  }
  if (u53Field(inode.mode.dir.part, 8) === 0) {
    throw failure(Rule["recorded-parent"], inode.ino, inode.part.at * 8);
  }
}

/** Checks that a directory that was found in directory `dir` records it as its parent: so it has one name, and no cycle is reached. */
export function checkParent(inode: Inode, dir: number): void {
  if (InodeMode.kindOf(inode.part) === "dir" && u53Field(inode.mode.dir.part, 8) !== dir) {
    throw failure(Rule["recorded-parent"], inode.ino, inode.part.at * 8);
  }
}
