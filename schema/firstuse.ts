/**
 * Checks of an image that records its tree (schema/recorded.ts): each inode is checked at its first use, so that opening the
 * image does not depend on its size. `work` is the same number for the whole image: all first uses together cost no more than
 * `validate`.
 */
import { followInode } from "./generated/checks.ts";
import { checked, decreases, fail, offsetOf, u32 } from "./language.ts";
import type { Scratch, u53 } from "./language.ts";
import { findDirRecord, MAX_LOOK_BELOW } from "./directories.ts";
import { MAX_LAYERS } from "./layers.ts";
import type { Layers } from "./layers.ts";
import type { Inode, Rootfs } from "./metadata.ts";
import { recordsTree, traitsOf } from "./recorded.ts";
import { checkCounts, checkRecord, checkRoot, checkTarget, openRootfs } from "./validate.ts";
import type { Message } from "./wire.ts";

/** Checks what is needed to find inodes, and that there is a root if the image records its tree. `work` is one number, which checkInode takes too. */
export function checkOutline(message: Message, work: Scratch<u53>): Rootfs {
  const image = openRootfs(message, work);
  const layers = checked(image.metadatas, work);
  if (layers.length > MAX_LAYERS) fail("too-many-layers", 0, offsetOf(image));
  for (const layer of layers) checked(layer.inodes, work);
  checkCounts(message, image);
  checked(image.fsVerityData, work);
  if (recordsTree(image)) checkRoot(image);
  return image;
}

/** Checks one record of an inode; of a directory also the names in it, and that their inodes exist. */
function checkOneRecord(layers: Layers, inode: Inode, work: Scratch<u53>): void {
  followInode(inode, work);
  const sorted = checkRecord(inode);
  if (!sorted) fail("recorded-unsorted", inode.ino, offsetOf(inode));
  if (inode.mode.kind !== "dir") return;
  for (const entry of inode.mode.dir.entries) checkTarget(layers, entry, inode.ino);
}

/**
 * Checks a visible inode of an image that records its tree, before its first use: every rule that concerns it alone, and that
 * it has only the recorded traits. Not that numbers of links and parents are true, for which `validate` walks the tree.
 */
export function checkInode(image: Rootfs, layers: Layers, inode: Inode, work: Scratch<u53>): void {
  const traits = traitsOf(inode);
  if ((traits | image.traits) !== image.traits) fail("recorded-totals", inode.ino, offsetOf(inode));
  if (inode.mode.kind !== "dir") {
    checkOneRecord(layers, inode, work);
    return;
  }
  let layer: u32 = 0;
  let recordsAbove: u32 = 0;
  while (layer < MAX_LAYERS) {
    decreases(MAX_LAYERS - layer);
    const record = findDirRecord(layers, inode.ino, layer);
    if (record === undefined) break;
    if (recordsAbove > MAX_LOOK_BELOW) fail("look-below-depth", inode.ino, offsetOf(inode));
    recordsAbove = u32(recordsAbove + 1);
    const inodes = layers.all[record.layer].inodes;
    checkOneRecord(layers, inodes[record.position], work);
    if (!record.lookBelow) break;
    layer = u32(record.layer + 1);
  }
  if (inode.mode.dir.links < 2) fail("recorded-links", inode.ino, offsetOf(inode));
  if (inode.mode.dir.parent === 0) fail("recorded-parent", inode.ino, offsetOf(inode));
}

/** Checks that a directory that was found in directory `dir` records it as its parent: so it has one name, and no cycle is reached. */
export function checkParent(inode: Inode, dir: u53): void {
  if (inode.mode.kind === "dir" && inode.mode.dir.parent !== dir) fail("recorded-parent", inode.ino, offsetOf(inode));
}
