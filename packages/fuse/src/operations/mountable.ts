import type { Tree } from "@puzzlefs/reader";

/**
 * A tree, and optional facts about all of its inodes. Without them the kernel sends requests for the extended attributes of
 * each inode, several in the case of `ls -l`; with them, it sends one for the whole mount.
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
