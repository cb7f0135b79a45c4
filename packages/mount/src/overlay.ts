import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkMountpoint, MountError, type Mountpoint } from "@puzzlefs/fuse";
import { FileSystemContext, KernelRefusal, MNT_DETACH, umount, UMOUNT_NOFOLLOW } from "@puzzlefs/linux";

const MS_RDONLY = 1;

/** The kernel refused the overlay; its lower layer was fine. */
export class OverlayError extends MountError {}

export interface Overlay {
  source: string;
  /** Flags of mount(2) for what users see. */
  flags: number;
  /** The upper directory; undefined: in memory. */
  persist: string | undefined;
}

/**
 * Mounts an overlay on `mountpoint`, over what `mountLower` mounts read-only on the directory that it is given.
 *
 * Nothing but the overlay stays visible. What it consists of is mounted below a directory for the moment only and
 * detached when the overlay holds it, so that whoever takes the overlay off (umount(8) will do) ends all of it, and
 * no kill at any moment after that leaves anything behind.
 */
export async function mountWritable<T>(
  mountpoint: Mountpoint,
  overlay: Overlay,
  mountLower: (lower: Mountpoint) => Promise<T>,
): Promise<T> {
  const place = mkdtempSync(join(tmpdir(), "puzzlefs-"));
  try {
    mountTmpfs(place);
    try {
      const lower = join(place, "lower");
      mkdirSync(lower);
      using target = checkMountpoint(lower);
      const result = await mountLower(target);
      mountOverlay(mountpoint, overlay, lower, prepareUpper(lower, overlay.persist ?? join(place, "upper")));
      return result;
    } finally {
      umount(place, MNT_DETACH | UMOUNT_NOFOLLOW);
    }
  } finally {
    rmdirSync(place);
  }
}

/** Holds the mount points, and without --persist the changes as well. */
function mountTmpfs(place: string): void {
  try {
    using context = new FileSystemContext("tmpfs");
    context.set("source", "puzzlefs");
    context.set("mode", "0700");
    using target = checkMountpoint(place);
    context.mountOn(target.descriptor, 0);
  } catch (error) {
    if (!(error instanceof KernelRefusal) || error.code !== "EPERM") throw error;
    const advice = "an ordinary user can do it in a user namespace (unshare --user --map-root-user --mount)";
    throw new MountError(`a writable mount is an overlay, which only root may mount; ${advice}`, error.code);
  }
}

interface Upper {
  upper: string;
  work: string;
}

/** Its parent must be there: Node's recursive mkdir never returns in /proc, where nothing can be made. */
function makeDirectory(path: string, mode = 0o755): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) mkdirSync(path, mode);
}

/** Makes the upper directory if need be. An empty one begins like the lower root, whose place its attributes take. */
function prepareUpper(lower: string, upper: string): Upper {
  const work = `${upper}.work`;
  try {
    makeDirectory(upper);
    makeDirectory(work, 0o700);
    if (readdirSync(upper).length === 0) {
      const root = statSync(lower);
      chownSync(upper, root.uid, root.gid);
      chmodSync(upper, root.mode & 0o7777);
    }
    return { upper, work };
  } catch (error) {
    throw new MountError(`${upper}: no use as an upper directory: ${error instanceof Error ? error.message : error}`);
  }
}

function mountOverlay(mountpoint: Mountpoint, overlay: Overlay, lower: string, { upper, work }: Upper): void {
  try {
    using context = new FileSystemContext("overlay");
    context.set("source", overlay.source);
    context.setDirectory("lowerdir", lower);
    context.setDirectory("upperdir", upper);
    context.setDirectory("workdir", work);
    // There, trusted xattrs are not to be had.
    if (inUserNamespace()) context.setFlag("userxattr");
    context.mountOn(mountpoint.descriptor, overlay.flags & ~MS_RDONLY);
  } catch (error) {
    if (!(error instanceof KernelRefusal)) throw error;
    throw new OverlayError(`${mountpoint.path}: no overlay with ${upper}: ${error.message}`, error.code);
  }
}

/** Whether root here is not root of the machine. */
function inUserNamespace(): boolean {
  return !/^\s*0\s+0\s+4294967295\s*$/.test(readFileSync("/proc/self/uid_map", "latin1"));
}
