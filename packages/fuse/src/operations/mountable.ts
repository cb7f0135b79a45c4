import type { Tree } from "@puzzlefs/reader";

/**
 * A tree, and what it may know in advance about extended attributes. Without such knowledge the kernel has to ask
 * about each inode, several times in the case of `ls -l`; with it, it asks once and never again.
 */
export interface MountableTree extends Tree {
  /** Names (latin1) of all extended attributes that any inode has; undefined: not known. */
  readonly xattrNames?: ReadonlySet<string> | undefined;
  /** Whether extent() may find holes; where it cannot, the kernel need not ask. */
  readonly hasHoles?: boolean;
}

/** Whether some inode may have an extended attribute. */
export function mayHaveXattrs({ xattrNames }: MountableTree): boolean {
  return xattrNames === undefined || xattrNames.size > 0;
}

/** Whether some inode may have an access control list. */
export function mayHaveAcls({ xattrNames }: MountableTree): boolean {
  return (
    xattrNames === undefined || xattrNames.has("system.posix_acl_access") || xattrNames.has("system.posix_acl_default")
  );
}
