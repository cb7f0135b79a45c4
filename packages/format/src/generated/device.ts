// Code generated from schema/device.ts by make codegen. DO NOT EDIT.
import { InodeMode, type Inode } from "./metadata.ts";

const S_IFIFO = 4096;

const S_IFCHR = 8192;

const S_IFDIR = 16384;

const S_IFBLK = 24576;

const S_IFREG = 32768;

const S_IFLNK = 40960;

const S_IFSOCK = 49152;

/** Linux keeps device numbers in 12 and 20 bits. */
const MAX_MAJOR = 4095;

const MAX_MINOR = 1048575;

/** S_IFMT bits of st_mode; 0 for a whiteout and for kinds that are not known. */
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

export function deviceFits(major: number, minor: number): boolean {
  return major <= MAX_MAJOR && minor <= MAX_MINOR;
}
