// Code generated from schema/metadata.ts by make codegen. DO NOT EDIT.
import { StructList } from "../struct-list.ts";
import {
  Blk,
  BlobRef,
  Chr,
  Dir,
  DirEntry,
  FileChunk,
  Inode,
  InodeAdditional,
  InodeMode,
  InodeVector,
  Pack,
  VerityData,
  Xattr,
  type Bundle,
  type Rootfs,
} from "./metadata.ts";
import { checkedData, checkedList, checkedStruct, element } from "./wire.ts";

/** Follows every pointer of a DirEntry strictly. */
export function followDirEntry(self: DirEntry, work: Float64Array): void {
  checkedData(self.part, 0, work);
}

/** Follows every pointer of a Dir strictly. */
export function followDir(self: Dir, work: Float64Array): void {
  const entries = new StructList(checkedList(self.part, 0, work), DirEntry);
  for (let itemList = entries.part, itemIndex = 0; itemIndex < itemList.count; itemIndex++) {
    const item = new DirEntry(element(itemList, itemIndex));
    followDirEntry(item, work);
  }
}

/** Follows every pointer of a BlobRef strictly. */
export function followBlobRef(self: BlobRef, work: Float64Array): void {
  checkedData(self.part, 0, work);
}

/** Follows every pointer of a FileChunk strictly. */
export function followFileChunk(self: FileChunk, work: Float64Array): void {
  const blob = new BlobRef(checkedStruct(self.part, 0, work));
  followBlobRef(blob, work);
}

/** Follows every pointer of a Xattr strictly. */
export function followXattr(self: Xattr, work: Float64Array): void {
  checkedData(self.part, 0, work);
  checkedData(self.part, 1, work);
}

/** Follows every pointer of a InodeAdditional strictly. */
export function followInodeAdditional(self: InodeAdditional, work: Float64Array): void {
  const xattrs = new StructList(checkedList(self.part, 0, work), Xattr);
  for (let itemList = xattrs.part, itemIndex = 0; itemIndex < itemList.count; itemIndex++) {
    const item = new Xattr(element(itemList, itemIndex));
    followXattr(item, work);
  }
  checkedData(self.part, 1, work);
}

/** Follows every pointer of a Inode strictly. */
export function followInode(self: Inode, work: Float64Array): void {
  const additional = new InodeAdditional(checkedStruct(self.part, 1, work));
  followInodeAdditional(additional, work);
  const modeKind = InodeMode.kindOf(self.part);
  if (modeKind === "chr") {
    new Chr(checkedStruct(self.part, 0, work));
  }
  if (modeKind === "dir") {
    const dir = new Dir(checkedStruct(self.part, 0, work));
    followDir(dir, work);
  }
  if (modeKind === "blk") {
    new Blk(checkedStruct(self.part, 0, work));
  }
  if (modeKind === "file") {
    const file = new StructList(checkedList(self.part, 0, work), FileChunk);
    for (let itemList = file.part, itemIndex = 0; itemIndex < itemList.count; itemIndex++) {
      const item = new FileChunk(element(itemList, itemIndex));
      followFileChunk(item, work);
    }
  }
}

/** Follows every pointer of a InodeVector strictly. */
export function followInodeVector(self: InodeVector, work: Float64Array): void {
  const inodes = new StructList(checkedList(self.part, 0, work), Inode);
  for (let itemList = inodes.part, itemIndex = 0; itemIndex < itemList.count; itemIndex++) {
    const item = new Inode(element(itemList, itemIndex));
    followInode(item, work);
  }
}

/** Follows every pointer of a VerityData strictly. */
export function followVerityData(self: VerityData, work: Float64Array): void {
  checkedData(self.part, 0, work);
  checkedData(self.part, 1, work);
}

/** Follows every pointer of a Rootfs strictly. */
export function followRootfs(self: Rootfs, work: Float64Array): void {
  const metadatas = new StructList(checkedList(self.part, 0, work), InodeVector);
  for (let itemList = metadatas.part, itemIndex = 0; itemIndex < itemList.count; itemIndex++) {
    const item = new InodeVector(element(itemList, itemIndex));
    followInodeVector(item, work);
  }
  const fsVerityData = new StructList(checkedList(self.part, 1, work), VerityData);
  for (let itemList = fsVerityData.part, itemIndex = 0; itemIndex < itemList.count; itemIndex++) {
    const item = new VerityData(element(itemList, itemIndex));
    followVerityData(item, work);
  }
}

/** Follows every pointer of a Pack strictly. */
export function followPack(self: Pack, work: Float64Array): void {
  checkedData(self.part, 0, work);
  checkedData(self.part, 1, work);
}

/** Follows every pointer of a Bundle strictly. */
export function followBundle(self: Bundle, work: Float64Array): void {
  checkedData(self.part, 0, work);
  checkedData(self.part, 1, work);
  checkedData(self.part, 2, work);
  checkedData(self.part, 3, work);
  const packs = new StructList(checkedList(self.part, 4, work), Pack);
  for (let itemList = packs.part, itemIndex = 0; itemIndex < itemList.count; itemIndex++) {
    const item = new Pack(element(itemList, itemIndex));
    followPack(item, work);
  }
}
