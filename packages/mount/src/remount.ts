import { findMount, MountError, parseMountOptions } from "@puzzlefs/fuse";
import { bind, nulTerminated, SystemError } from "@puzzlefs/linux";
import { resolve } from "node:path";

const mountNative = bind("int mount(void *source, void *target, void *type, unsigned long flags, void *data)");
const MS_RDONLY = 1;
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
  const { flags } = parseMountOptions(options);
  const wanted = rw && mount.type === "overlay" ? flags & ~MS_RDONLY : flags;
  const target = nulTerminated(mountpoint);
  const result = mountNative(null, target, null, MS_REMOUNT | MS_BIND | wanted, null);
  if (result < 0) throw new MountError(`${path}: ${new SystemError(-result, "remount").message}`);
}
