/** What kind of file an inode is, as the kernel and stat(2) number it. */
import type { Inode } from "./metadata.ts";
import type { u32, u53 } from "./language.ts";

const S_IFIFO: u32 = 4096;
const S_IFCHR: u32 = 8192;
const S_IFDIR: u32 = 16384;
const S_IFBLK: u32 = 24576;
const S_IFREG: u32 = 32768;
const S_IFLNK: u32 = 40960;
const S_IFSOCK: u32 = 49152;

/** Linux keeps device numbers in 12 and 20 bits. */
const MAX_MAJOR: u53 = 4095;
const MAX_MINOR: u53 = 1048575;

/** S_IFMT bits of st_mode; 0 for a whiteout and for kinds that are not known. */
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

export function deviceFits(major: u53, minor: u53): boolean {
  return major <= MAX_MAJOR && minor <= MAX_MINOR;
}
