import { checkMountpoint, isOurs, MountError, mountOf, parseMountOptions } from "@puzzlefs/fuse";
import { mount as mountNative, MS_RDONLY, SystemError } from "@puzzlefs/linux";

const MS_REMOUNT = 32;
const MS_BIND = 4096;
const FLAGS = ["nosuid", "nodev", "noexec"];

/**
 * `mount -o remount`: changes the flags of the mount (nosuid, nodev, noexec); those that are not named stay. A writable
 * overlay over an image can be made read-only and writable again; the image itself stays read-only silently, because
 * mount(8) passes "rw" whenever "ro" is not given. Throws MountError.
 */
export function remount(path: string, options: readonly string[], rw: boolean): void {
  using mountpoint = checkMountpoint(path);
  const mount = mountOf(mountpoint.descriptor);
  if (mount?.mountpoint !== mountpoint.path) throw new MountError(`${path}: not mounted`, "EINVAL");
  if (!isOurs(mount)) throw new MountError(`${path}: not an image but ${mount.type} is mounted there`, "EINVAL");
  const present = new Set(mount.options.split(","));
  const kept = FLAGS.map((flag) => (present.has(flag) ? flag : flag.replace("no", "")));
  const { flags } = parseMountOptions([...kept, ...options]);
  const wanted = rw && mount.type === "overlay" ? flags & ~MS_RDONLY : flags;
  try {
    mountNative(null, mountpoint.reachable, null, MS_REMOUNT | MS_BIND | wanted, null);
  } catch (error) {
    throw error instanceof SystemError ? new MountError(`${path}: ${error.message}`, error.code) : error;
  }
}
