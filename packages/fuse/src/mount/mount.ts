import { basename, dirname } from "node:path";
import {
  close,
  Directory,
  errorCode,
  fileSystemType,
  FUSE_SUPER_MAGIC,
  OVERLAYFS_SUPER_MAGIC,
  PUZZLEFS_SUPER_MAGIC,
  MissingProcError,
  MNT_DETACH,
  O_PATH,
  openat,
  openNamed,
  realPathOf,
  reasonOf,
  umountAt,
} from "@puzzlefs/linux";
import { MountError } from "./errors.ts";
import { fusermount, fusermountUnmount } from "./fusermount.ts";
import { kernelMount } from "./kernel-mount.ts";
import { isOurs, type MountEntry, mountOf } from "./mountinfo.ts";
import type { Mountpoint } from "./mountpoint.ts";
import type { MountOptions } from "./options.ts";

/**
 * Mounts an empty connection on `mountpoint` and returns the descriptor of /dev/fuse to serve. Uses of the mount wait
 * until INIT is answered. Root asks the kernel, others fusermount3.
 *
 * @param pair for auto_unmount by an ordinary user: a socket pair of which the process that serves has the first
 */
export function mount(mountpoint: Mountpoint, options: MountOptions, pair?: readonly [number, number]): number {
  // fusermount3 resolves the path again: as root, it could be led elsewhere.
  if (process.geteuid?.() === 0) return kernelMount(mountpoint, options);
  return fusermount(mountpoint.path, options, pair);
}

export interface UnmountOptions {
  /** Detach a busy mount now; it ends with its last user. */
  lazy?: boolean;
  /** Only the mount of this device number, "MAJOR:MINOR". */
  device?: string;
}

/**
 * Unmounts an image that is mounted on `path`, also when its daemon is dead. Rejects with MountError: EINVAL if no image
 * is, which includes any other mount on top of one, EBUSY if it is in use.
 */
export async function unmount(path: string, options: UnmountOptions = {}): Promise<void> {
  const real = realPath(path);
  using parent = Directory.open(dirname(real));
  await unmountBelow(parent, basename(real), path, options);
}

/**
 * unmount() of `name` in an opened directory. What is mounted there is looked at and unmounted below that directory, so
 * that directories above it that other users rename meanwhile have no effect. `path` is for messages and for fusermount3.
 */
export async function unmountBelow(
  parent: Directory,
  name: string,
  path: string,
  { lazy = false, device }: UnmountOptions,
): Promise<void> {
  const mountpoint = whatToUnmount(parent, name, path, device);
  if (process.geteuid?.() !== 0) return fusermountUnmount(mountpoint, lazy);
  try {
    umountAt(parent.descriptor, name, lazy ? MNT_DETACH : 0);
  } catch (error) {
    const code = errorCode(error);
    const reason = REASONS.get(code ?? "") ?? `unmount failed: ${reasonOf(error)}`;
    throw new MountError(`${path}: ${reason}`, code);
  }
}

const REASONS = new Map([
  ["EPERM", "not permitted to unmount it (CAP_SYS_ADMIN is missing, or it is another user namespace's)"],
  ["EBUSY", "busy: something still uses it"],
  ["EINVAL", "not mounted"],
]);

/** Throws MountError unless an image is mounted there; returns the real path. */
function whatToUnmount(parent: Directory, name: string, path: string, device: string | undefined): string {
  let found: MountEntry | undefined;
  try {
    found = mountAt(parent, name);
  } catch (error) {
    if (!(error instanceof MissingProcError)) throw error;
    // Only types can be seen then.
    if (!mayBeOurs(parent, name)) throw new MountError(`${path}: no image is mounted there, or: ${error.message}`);
    return path;
  }
  if (found === undefined) throw new MountError(`${path}: not mounted`, "EINVAL");
  if (!isOurs(found)) {
    throw new MountError(`${path}: not an image but ${found.type} is mounted there; use umount(8)`, "EINVAL");
  }
  if (device !== undefined && found.device !== device) {
    throw new MountError(`${path}: not unmounted: another image is mounted there`, "EINVAL");
  }
  return found.mountpoint;
}

/** The types of file systems that a mount of an image can have. */
const OUR_TYPES: readonly number[] = [FUSE_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, PUZZLEFS_SUPER_MAGIC];

function mayBeOurs(parent: Directory, name: string): boolean {
  const descriptor = openat(parent.descriptor, name === "" ? "." : name, O_PATH);
  try {
    return OUR_TYPES.includes(fileSystemType(descriptor));
  } catch (error) {
    // Its server is dead.
    if (errorCode(error) === "ENOTCONN") return true;
    throw error;
  } finally {
    close(descriptor);
  }
}

/** The topmost mount whose root is `name` in a directory. Sends no request to it: its server may be dead. */
function mountAt(parent: Directory, name: string): MountEntry | undefined {
  let descriptor: number;
  try {
    descriptor = openat(parent.descriptor, name === "" ? "." : name, O_PATH);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    const found = mountOf(descriptor);
    return found?.mountpoint === realPathOf(descriptor, parent.pathOf(name)) ? found : undefined;
  } finally {
    close(descriptor);
  }
}

/** The real path of a file, with links followed as openNamed() does. */
function realPath(path: string): string {
  let descriptor: number;
  try {
    descriptor = openNamed(path, O_PATH);
  } catch (error) {
    const code = errorCode(error);
    throw new MountError(`${path}: ${code === "ENOENT" ? "no such directory" : reasonOf(error)}`, code);
  }
  try {
    return realPathOf(descriptor, path);
  } finally {
    close(descriptor);
  }
}
