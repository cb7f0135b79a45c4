import type { Tree } from "@puzzlefs/reader";

/**
 * A tree, and what it may know in advance about extended attributes. Without such knowledge the kernel has to ask
 * for each inode; with it, it asks once and never again.
 */
export interface MountableTree extends Tree {
  /** Whether any inode has an extended attribute; undefined: perhaps. */
  readonly hasXattrs?: boolean;
  /** Whether any inode has a POSIX ACL; undefined: perhaps. */
  readonly hasAcls?: boolean;
}
