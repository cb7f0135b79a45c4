import { statSync } from "node:fs";
import { errorCode } from "../wire/errno.ts";
import { MountError } from "./errors.ts";
import { fusermount, fusermountUnmount } from "./fusermount.ts";
import { kernelMount } from "./kernel-mount.ts";
import { libc, SystemCallError } from "./libc.ts";
import { findMount, resolveMountpoint } from "./mountinfo.ts";
import type { MountOptions } from "./options.ts";

const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

/** The mount point's resolved path. Throws MountError unless it is a directory on which something can be mounted. */
export function checkMountpoint(path: string): string {
  try {
    if (!statSync(path).isDirectory()) throw new MountError(`${path}: not a directory`, "ENOTDIR");
    return resolveMountpoint(path);
  } catch (error) {
    if (error instanceof MountError) throw error;
    switch (errorCode(error)) {
      case "ENOENT":
        throw new MountError(`${path}: no such directory`, "ENOENT");
      case "ENOTCONN":
        throw new MountError(
          `${path}: a dead mount is in the way (its daemon was killed); unmount it first`,
          "ENOTCONN",
        );
      default:
        throw new MountError(`${path}: ${error instanceof Error ? error.message : error}`, errorCode(error));
    }
  }
}

/**
 * Mounts an empty connection on `mountpoint` (see checkMountpoint) and returns the descriptor of /dev/fuse to serve.
 * Uses of the mount wait until INIT is answered. Root uses mount(2), everyone else fusermount3; so does root where
 * mount(2) is not permitted, as in some containers, and for auto_unmount.
 */
export function mount(mountpoint: string, options: MountOptions): number {
  if (process.geteuid?.() !== 0 || options.autoUnmount) return fusermount(mountpoint, options);
  try {
    return kernelMount(mountpoint, options);
  } catch (error) {
    if (!(error instanceof MountError) || error.code !== "EPERM") throw error;
    try {
      return fusermount(mountpoint, options);
    } catch {
      throw error;
    }
  }
}

export interface UnmountOptions {
  /** Detach a busy mount now; it ends with its last user. */
  lazy?: boolean;
}

/**
 * Unmounts what is mounted on `path`, also when its daemon is dead. Rejects with MountError: EINVAL if nothing is mounted
 * there, EBUSY if it is in use.
 */
export async function unmount(path: string, options: UnmountOptions = {}): Promise<void> {
  const lazy = options.lazy === true;
  let mountpoint: string;
  try {
    mountpoint = resolveMountpoint(path);
  } catch (error) {
    throw new MountError(`${path}: ${errorCode(error) === "ENOENT" ? "no such directory" : error}`, errorCode(error));
  }
  if (findMount(mountpoint) === undefined) throw new MountError(`${path}: not mounted`, "EINVAL");
  if (process.geteuid?.() !== 0) return fusermountUnmount(mountpoint, lazy);
  try {
    libc().umount(mountpoint, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0));
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    switch (error.code) {
      case "EPERM":
        return fusermountUnmount(mountpoint, lazy);
      case "EBUSY":
        throw new MountError(`${path}: busy: something still uses it`, error.code);
      case "EINVAL":
        throw new MountError(`${path}: not mounted`, error.code);
      default:
        throw new MountError(`${path}: unmount failed: ${error.code}`, error.code);
    }
  }
}
