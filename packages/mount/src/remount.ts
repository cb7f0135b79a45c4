import { findMount, isOurs, MountError, parseMountOptions } from "@puzzlefs/fuse";
import { mount as mountNative, MS_RDONLY, SystemError } from "@puzzlefs/linux";
import { resolve } from "node:path";

const MS_REMOUNT = 32;
const MS_BIND = 4096;

/**
 * `mount -o remount`: changes the flags of the mount (nosuid, nodev, noexec). A writable overlay over an image can be
 * made read-only and writable again; the image itself stays read-only without a word, as mount(8) says "rw" whenever
 * nobody said "ro". Throws MountError.
 */
export function remount(path: string, options: readonly string[], rw: boolean): void {
  const mountpoint = resolve(path);
  const mount = findMount(mountpoint);
  if (mount === undefined) throw new MountError(`${path}: not mounted`, "EINVAL");
  if (!isOurs(mount)) throw new MountError(`${path}: not an image but ${mount.type} is mounted there`, "EINVAL");
  const { flags } = parseMountOptions(options);
  const wanted = rw && mount.type === "overlay" ? flags & ~MS_RDONLY : flags;
  try {
    mountNative(null, mountpoint, null, MS_REMOUNT | MS_BIND | wanted, null);
  } catch (error) {
    throw error instanceof SystemError ? new MountError(`${path}: ${error.message}`, error.code) : error;
  }
}
