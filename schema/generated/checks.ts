// Code generated from schema/metadata.ts by make codegen. DO NOT EDIT.
import { checked } from "../language.ts";
import type { Scratch, u53 } from "../language.ts";
import type {
  DirEntry,
  Dir,
  BlobRef,
  FileChunk,
  Xattr,
  InodeAdditional,
  Inode,
  InodeVector,
  VerityData,
  Rootfs,
  Pack,
  Bundle,
} from "../metadata.ts";
/** Follows every pointer of a DirEntry strictly. */
export function followDirEntry(self: DirEntry, work: Scratch<u53>): void {
  checked(self.name, work);
}
/** Follows every pointer of a Dir strictly. */
export function followDir(self: Dir, work: Scratch<u53>): void {
  const entries = checked(self.entries, work);
  for (const item of entries) followDirEntry(item, work);
}
/** Follows every pointer of a BlobRef strictly. */
export function followBlobRef(self: BlobRef, work: Scratch<u53>): void {
  checked(self.digest, work);
}
/** Follows every pointer of a FileChunk strictly. */
export function followFileChunk(self: FileChunk, work: Scratch<u53>): void {
  const blob = checked(self.blob, work);
  followBlobRef(blob, work);
}
/** Follows every pointer of a Xattr strictly. */
export function followXattr(self: Xattr, work: Scratch<u53>): void {
  checked(self.key, work);
  checked(self.val, work);
}
/** Follows every pointer of a InodeAdditional strictly. */
export function followInodeAdditional(self: InodeAdditional, work: Scratch<u53>): void {
  const xattrs = checked(self.xattrs, work);
  for (const item of xattrs) followXattr(item, work);
  checked(self.symlinkTarget, work);
}
/** Follows every pointer of a Inode strictly. */
export function followInode(self: Inode, work: Scratch<u53>): void {
  const additional = checked(self.additional, work);
  followInodeAdditional(additional, work);
  const modeKind = self.mode.kind;
  if (modeKind === "chr") {
    checked(self.mode.chr, work);
  }
  if (modeKind === "dir") {
    const dir = checked(self.mode.dir, work);
    followDir(dir, work);
  }
  if (modeKind === "blk") {
    checked(self.mode.blk, work);
  }
  if (modeKind === "file") {
    const file = checked(self.mode.file, work);
    for (const item of file) followFileChunk(item, work);
  }
}
/** Follows every pointer of a InodeVector strictly. */
export function followInodeVector(self: InodeVector, work: Scratch<u53>): void {
  const inodes = checked(self.inodes, work);
  for (const item of inodes) followInode(item, work);
}
/** Follows every pointer of a VerityData strictly. */
export function followVerityData(self: VerityData, work: Scratch<u53>): void {
  checked(self.digest, work);
  checked(self.verity, work);
}
/** Follows every pointer of a Rootfs strictly. */
export function followRootfs(self: Rootfs, work: Scratch<u53>): void {
  const metadatas = checked(self.metadatas, work);
  for (const item of metadatas) followInodeVector(item, work);
  const fsVerityData = checked(self.fsVerityData, work);
  for (const item of fsVerityData) followVerityData(item, work);
}
/** Follows every pointer of a Pack strictly. */
export function followPack(self: Pack, work: Scratch<u53>): void {
  checked(self.digest, work);
  checked(self.verity, work);
}
/** Follows every pointer of a Bundle strictly. */
export function followBundle(self: Bundle, work: Scratch<u53>): void {
  checked(self.metadata, work);
  checked(self.manifest, work);
  checked(self.config, work);
  checked(self.index, work);
  const packs = checked(self.packs, work);
  for (const item of packs) followPack(item, work);
}
