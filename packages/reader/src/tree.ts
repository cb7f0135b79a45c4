import type { InodeKind } from "@puzzlefs/format";

export type { InodeKind };

/** The attributes for stat(2). Times are those of the format: modification time only, epoch 0 where not recorded. */
export interface Attributes {
  ino: number;
  kind: InodeKind;
  /** S_IFMT type bits and the 12 permission bits. */
  mode: number;
  /** Counted over the effective tree: names of a file, 2 + subdirectories of a directory. */
  nlink: number;
  uid: number;
  gid: number;
  /** Bytes of content; the target's length for a symlink, 0 otherwise. */
  size: number;
  /** Those of them that are not in holes; left out where a tree knows of none. */
  dataSize?: number;
  /** Device number of chr and blk, else 0. */
  major: number;
  minor: number;
  mtimeSeconds: number;
  mtimeNanoseconds: number;
}

/** A name in a directory. `cookie` resumes a listing just after this entry. */
export interface TreeEntry {
  cookie: number;
  name: Uint8Array;
  ino: number;
  kind: InodeKind;
  /** Attributes of the inode, if the listing has them. */
  readonly attributes?: Attributes;
}

/** A part of a file: a hole, which reads as zeros, or what is between holes. It ends at byte `end`. */
export interface Extent {
  hole: boolean;
  end: number;
}

/**
 * An opened image as a tree of inodes: the interface between the reader and its users (FUSE, extract, dump).
 * Everything is synchronous. The root directory is inode 1. Layers and whiteouts are resolved: only what is
 * visible appears. For unknown inode numbers undefined is returned; content that cannot be read throws.
 */
export interface Tree {
  /** Visible inodes. */
  readonly inodeCount: number;
  /** Sum of file sizes, bytes. */
  readonly contentBytes: number;
  attributes(ino: number): Attributes | undefined;
  lookup(directory: number, name: Uint8Array): number | undefined;
  /** Entries after `cookie` (0: from the start), without "." and "..". */
  entries(directory: number, cookie?: number): Iterable<TreeEntry>;
  /** Parent directory of a directory; the root is its own parent. */
  parent(directory: number): number;
  readlink(ino: number): Uint8Array;
  /** Extended attributes, sorted by name. */
  xattrs(ino: number): { name: Uint8Array; value: Uint8Array }[];
  /** Fills `into` from `offset`; returns the bytes read, short only at the end of the file. */
  read(ino: number, offset: number, into: Uint8Array): number;
  /** The extent of a regular file that has byte `offset`, which is inside the file. Left out by trees that know no holes. */
  extent?(ino: number, offset: number): Extent;
  close(): void;
}
