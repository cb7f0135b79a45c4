import type { FileStatus } from "@puzzlefs/linux";

import type { Pieces } from "./content-stream.ts";

export type NodeKind = "file" | "dir" | "lnk" | "chr" | "blk" | "fifo" | "sock";

/** An inode of the source tree. Names, keys and paths are latin1 strings: one character a byte, sorted as bytes. */
export interface TreeNode {
  readonly ino: number;
  readonly kind: NodeKind;
  readonly uid: number;
  readonly gid: number;
  /** The 12 permission bits. */
  readonly permissions: number;
  /** Device number of chr and blk. */
  readonly major: number;
  readonly minor: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
  readonly xattrs: readonly { readonly key: Buffer; readonly val: Buffer }[];
  readonly target: Buffer | undefined;
  /** Bytes of content of a file. */
  readonly size: number;
  pieces: Pieces;
  /** Of a directory, in byte order of the names. */
  readonly entries: TreeEntry[];
}

export interface TreeEntry {
  readonly name: string;
  readonly ino: number;
}

/** A name in an open directory. */
export interface FoundFile {
  /** Descriptor of the directory. */
  directory: number;
  /** Ends in NUL. */
  name: Uint8Array;
  /** For messages; latin1. */
  path: string;
  status: FileStatus;
}

/** Hands out inode numbers as the walk meets names. */
export interface Numbering {
  /** A number for `name` in `directory`. Also asked, and then not used, for further names of a hard link. */
  number(directory: TreeNode, name: string, kind: NodeKind): number;
}

/** The numbers of a fresh image: 2 and up in the order of the walk. The root is 1. */
export class FreshNumbering implements Numbering {
  #next = 2;

  number(): number {
    return this.#next++;
  }
}
