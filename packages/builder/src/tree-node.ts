import type { InodeKind } from "@puzzlefs/reader";

import type { Pieces } from "./pieces.ts";

/** An inode of the source tree. Names, keys and paths are latin1 strings: one character a byte, sorted as bytes. */
export interface TreeNode {
  readonly ino: number;
  readonly kind: InodeKind;
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
  /** Number of names; of a directory 2, and one for each directory in it. */
  links: number;
  /** Number of the directory in which the first name is; the root's is its own. */
  readonly parent: number;
}

export interface TreeEntry {
  readonly name: string;
  readonly ino: number;
}

/** Assigns inode numbers in the order of the entries. */
export interface Numbering {
  /** A number for `name` in `directory`. Also asked, and then not used, for further names of a hard link. */
  number(directory: TreeNode, name: string, kind: InodeKind): number;
}

/** The numbers of a fresh image: 2 and up in the order of the entries. The root is 1. */
export class FreshNumbering implements Numbering {
  #next = 2;

  number(): number {
    return this.#next++;
  }
}
