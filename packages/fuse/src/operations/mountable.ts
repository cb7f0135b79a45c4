import { TRAIT_ACLS, TRAIT_XATTRS, type Tree } from "@puzzlefs/reader";

/**
 * A tree, and optional facts about all of its inodes. Without them the kernel sends requests for the extended attributes of
 * each inode, several in the case of `ls -l`; with them, it sends one for the whole mount.
 */
export interface MountableTree extends Tree {
  /** What some inode has: bits of TRAIT_XATTRS and the others; undefined: not known. */
  readonly traits?: number | undefined;
  /** Whether extent() may find holes; where it cannot, the kernel need not ask. */
  readonly hasHoles?: boolean;
  /**
   * What a read that failed with `error` waits for: it is repeated when that settles, and fails if that is rejected. Undefined: it
   * fails at once. Left out by trees that have all of their content.
   */
  arrival?(error: unknown, ino: number, offset: number, length: number): Promise<void> | undefined;
}

/** Whether some inode may have `trait`, a bit. */
export function mayHave({ traits }: MountableTree, trait: number): boolean {
  return traits === undefined || (traits & trait) !== 0;
}

/** Whether some inode may have an extended attribute. */
export function mayHaveXattrs(tree: MountableTree): boolean {
  return mayHave(tree, TRAIT_XATTRS);
}

/** Whether some inode may have an access control list. */
export function mayHaveAcls(tree: MountableTree): boolean {
  return mayHave(tree, TRAIT_ACLS);
}
