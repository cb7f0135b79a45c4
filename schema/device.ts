/** The mode of an inode as stat(2) returns it, and the device numbers that Linux has. */
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK } from "./filetypes.ts";
import type { Inode } from "./metadata.ts";
import type { u32, u53 } from "./language.ts";

/** Linux keeps device numbers in 12 and 20 bits. */
export const MAX_MAJOR: u53 = 0xfff;
export const MAX_MINOR: u53 = 0xfffff;

/** S_IFMT bits of st_mode; 0 for a whiteout and for unknown kinds. */
export function fileType(inode: Inode): u32 {
  const kind = inode.mode.kind;
  if (kind === "file") return S_IFREG;
  if (kind === "dir") return S_IFDIR;
  if (kind === "lnk") return S_IFLNK;
  if (kind === "chr") return S_IFCHR;
  if (kind === "blk") return S_IFBLK;
  if (kind === "fifo") return S_IFIFO;
  if (kind === "sock") return S_IFSOCK;
  return 0;
}

/** st_mode: the type of the file and its permissions. */
export function statMode(inode: Inode): u32 {
  return fileType(inode) | inode.permissions;
}

/** Whether Linux can have a device of this number. */
export function deviceFits(major: u53, minor: u53): boolean {
  return major <= MAX_MAJOR && minor <= MAX_MINOR;
}
