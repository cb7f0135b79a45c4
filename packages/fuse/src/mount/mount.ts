import { readlinkSync } from "node:fs";
import { basename, dirname } from "node:path";
import { close, Directory, MNT_DETACH, O_PATH, openNamed, umount, UMOUNT_NOFOLLOW } from "@puzzlefs/linux";
import { errorCode } from "../wire/errno.ts";
import { MountError } from "./errors.ts";
import { fusermount, fusermountUnmount } from "./fusermount.ts";
import { kernelMount } from "./kernel-mount.ts";
import { isOurs, mountOf } from "./mountinfo.ts";
import type { Mountpoint } from "./mountpoint.ts";
import type { MountOptions } from "./options.ts";

/**
 * Mounts an empty connection on `mountpoint` and returns the descriptor of /dev/fuse to serve. Uses of the mount wait
 * until INIT is answered. Root uses mount(2), others fusermount3; so does root where mount(2) is not permitted, as in
 * some containers, and for auto_unmount.
 *
 * @param pair for auto_unmount: a socket pair of which the process that serves has the first
 */
export function mount(mountpoint: Mountpoint, options: MountOptions, pair?: readonly [number, number]): number {
  if (process.geteuid?.() !== 0 || options.autoUnmount) return fusermount(mountpoint.path, options, pair);
  try {
    return kernelMount(mountpoint, options);
  } catch (error) {
    if (!(error instanceof MountError) || error.code !== "EPERM") throw error;
    try {
      return fusermount(mountpoint.path, options);
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
 * Unmounts an image that is mounted on `path`, also when its daemon is dead. Rejects with MountError: EINVAL if no image
 * is, which includes any other mount on top of one, EBUSY if it is in use.
 */
export async function unmount(path: string, options: UnmountOptions = {}): Promise<void> {
  const lazy = options.lazy === true;
  const mountpoint = ownMountAt(path);
  if (process.geteuid?.() !== 0) return fusermountUnmount(mountpoint, lazy);
  try {
    // Below its parent, opened once: what other users may rename above does not matter.
    using parent = Directory.open(dirname(mountpoint));
    const place = `/proc/self/fd/${parent.descriptor}/${basename(mountpoint)}`;
    umount(place, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0));
  } catch (error) {
    switch (errorCode(error)) {
      case "EPERM":
        return fusermountUnmount(mountpoint, lazy);
      case "EBUSY":
        throw new MountError(`${path}: busy: something still uses it`, errorCode(error));
      case "EINVAL":
        throw new MountError(`${path}: not mounted`, errorCode(error));
      default:
        throw new MountError(`${path}: unmount failed: ${errorCode(error) ?? error}`, errorCode(error));
    }
  }
}

/** The real path of a mount point with an image on it. Nothing is asked of the image: its server may be dead. */
function ownMountAt(path: string): string {
  let descriptor: number;
  try {
    descriptor = openNamed(path, O_PATH);
  } catch (error) {
    const code = errorCode(error);
    throw new MountError(`${path}: ${code === "ENOENT" ? "no such directory" : error}`, code);
  }
  try {
    const found = mountOf(descriptor);
    if (found?.mountpoint !== readlinkSync(`/proc/self/fd/${descriptor}`)) {
      throw new MountError(`${path}: not mounted`, "EINVAL");
    }
    if (isOurs(found)) return found.mountpoint;
    throw new MountError(`${path}: not an image but ${found.type} is mounted there; use umount(8)`, "EINVAL");
  } finally {
    close(descriptor);
  }
}
