import type { SourceXattr } from "../source.ts";
import type { SparseMap } from "./sparse-map.ts";

/** The kind of a member of an archive: "link" is a hard link, the others are kinds of inodes. Archives have no sockets. */
export type MemberKind = "file" | "dir" | "lnk" | "link" | "chr" | "blk" | "fifo";

/** A member of an archive, all headers taken together. Names are latin1: one character a byte, as the archive has them. */
export interface Member {
  /** Byte of its first header in the archive. */
  offset: number;
  name: string;
  kind: MemberKind;
  /** Target of lnk and link. */
  linkName: string;
  uid: number;
  gid: number;
  permissions: number;
  major: number;
  minor: number;
  mtimeSeconds: number;
  mtimeNanoseconds: number;
  /** Bytes of content of a file, holes included. */
  size: number;
  xattrs: readonly SourceXattr[];
  content: Content | undefined;
}

/** Where the content of a file is. */
export interface Content {
  /** Of its first byte in the spool. */
  position: number;
  /** Undefined for a file without holes. */
  map: SparseMap | undefined;
}
