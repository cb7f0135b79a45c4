// Code generated from schema/device.ts by make codegen. DO NOT EDIT.
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK } from "./filetypes.ts";
import { InodeMode, type Inode } from "./metadata.ts";

/** Linux keeps device numbers in 12 and 20 bits. */
export const MAX_MAJOR = 0xfff;

export const MAX_MINOR = 0xfffff;

/** S_IFMT bits of st_mode; 0 for a whiteout and for unknown kinds. */
export function fileType(inode: Inode): number {
  const kind = InodeMode.kindOf(inode.part);
  if (kind === "file") {
    return S_IFREG;
  }
  if (kind === "dir") {
    return S_IFDIR;
  }
  if (kind === "lnk") {
    return S_IFLNK;
  }
  if (kind === "chr") {
    return S_IFCHR;
  }
  if (kind === "blk") {
    return S_IFBLK;
  }
  if (kind === "fifo") {
    return S_IFIFO;
  }
  if (kind === "sock") {
    return S_IFSOCK;
  }
  return 0;
}

/** st_mode: the type of the file and its permissions. */
export function statMode(inode: Inode): number {
  return (fileType(inode) | inode.permissions) >>> 0;
}

/** Whether Linux can have a device of this number. */
export function deviceFits(major: number, minor: number): boolean {
  return major <= MAX_MAJOR && minor <= MAX_MINOR;
}
