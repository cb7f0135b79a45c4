import * as types from "./generated/filetypes.ts";
import type { InodeModeKind } from "./generated/metadata.ts";

/** The kind of an inode that exists. */
export type InodeKind = Exclude<InodeModeKind, "unknown" | "wht" | "invalid">;

const KINDS = new Map<number, InodeKind>([
  [types.S_IFREG, "file"],
  [types.S_IFDIR, "dir"],
  [types.S_IFLNK, "lnk"],
  [types.S_IFCHR, "chr"],
  [types.S_IFBLK, "blk"],
  [types.S_IFIFO, "fifo"],
  [types.S_IFSOCK, "sock"],
]);

/** The kind of a file by the S_IFMT bits of its st_mode; undefined for a type that the format does not have. */
export function kindOfMode(mode: number): InodeKind | undefined {
  return KINDS.get(mode & types.S_IFMT);
}
