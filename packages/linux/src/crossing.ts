import type { FileStatus } from "./file-status.ts";

/**
 * Which directories of a tree are entered although they are not on the file system of their parent: `device` none, as
 * `tar --one-file-system` and `rsync -x`; `subvolumes` those at which nothing is mounted (each subvolume of btrfs has its own
 * device number); `mounts` all.
 */
export type Crossing = "device" | "subvolumes" | "mounts";

/** Whether a directory that is found in one on `device` is left out; a bind mount of the same file system is not. */
export function isLeftOut(crossing: Crossing, directory: FileStatus, device: string): boolean {
  if (crossing === "mounts" || directory.device === device) return false;
  return crossing === "device" || directory.isMountRoot !== false;
}
