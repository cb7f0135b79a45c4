import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkMountpoint, MountError, type Mountpoint } from "@puzzlefs/fuse";
import {
  Directory,
  FileStatus,
  FileSystemContext,
  KernelRefusal,
  MNT_DETACH,
  umount,
  UMOUNT_NOFOLLOW,
  hasCode,
  inInitialNamespace,
} from "@puzzlefs/linux";
import { type RootAttributes, Upper } from "./upper.ts";

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
  using parent = Directory.open(temporaryDirectory());
  const { name, directory: place } = parent.makeTemporary("puzzlefs-mount-");
  const remove = (): void => {
    try {
      umount(`/proc/self/fd/${parent.descriptor}/${name}`, MNT_DETACH | UMOUNT_NOFOLLOW);
    } catch (error) {
      // Nothing has been mounted there.
      if (!hasCode(error, "EINVAL", "EPERM")) throw error;
    } finally {
      place.close();
      parent.removeDirectory(name);
    }
  };
  // A second signal ends this process at once.
  process.once("exit", remove);
  try {
    mountTmpfs(place);
    // What is mounted there now.
    using mounts = Directory.open(place.path);
    mounts.makeDirectory("lower").close();
    const lower = join(place.path, "lower");
    using target = checkMountpoint(lower);
    const result = await mountLower(target);
    using upper = prepareUpper(overlay.persist, mounts, attributesOf(lower));
    mountOverlay(mountpoint, overlay, lower, upper);
    return result;
  } finally {
    process.off("exit", remove);
    remove();
  }
}

/**
 * Where parts are mounted for the moment. For root it does not come from the environment, which a container's image may
 * have chosen, and only root can rename what is in it. Root of a user namespace may not write to /run.
 */
function temporaryDirectory(): string {
  if (process.geteuid?.() !== 0) {
    // Node has replaced bytes that are not UTF-8: that is another directory.
    const chosen = tmpdir();
    return chosen.includes("\ufffd") ? "/tmp" : chosen;
  }
  return !inInitialNamespace("user") || !existsSync("/run") ? "/tmp" : "/run";
}

/** Holds the mount points, and without --persist the changes as well. */
function mountTmpfs(place: Directory): void {
  try {
    using context = new FileSystemContext("tmpfs");
    context.set("source", "puzzlefs");
    context.set("mode", "0700");
    context.mountOn(place.descriptor, 0);
  } catch (error) {
    if (!(error instanceof KernelRefusal) || error.code !== "EPERM") throw error;
    const advice = "an ordinary user can do it in a user namespace (unshare --user --map-root-user --mount)";
    throw new MountError(`a writable mount is an overlay, which only root may mount; ${advice}`, error.code);
  }
}

function attributesOf(path: string): RootAttributes {
  const status = new FileStatus();
  using directory = Directory.open(path);
  status.readDescriptor(directory.descriptor);
  return status;
}

function prepareUpper(persist: string | undefined, place: Directory, root: RootAttributes): Upper {
  return persist === undefined ? Upper.make(place, root) : Upper.open(persist, root);
}

function mountOverlay(mountpoint: Mountpoint, overlay: Overlay, lower: string, { upper, work }: Upper): void {
  try {
    using context = new FileSystemContext("overlay");
    context.set("source", overlay.source);
    context.setDirectory("lowerdir", lower);
    context.setDirectory("upperdir", upper.descriptor);
    context.setDirectory("workdir", work.descriptor);
    // There, trusted xattrs cannot be set.
    if (!inInitialNamespace("user")) context.setFlag("userxattr");
    context.mountOn(mountpoint.descriptor, overlay.flags & ~MS_RDONLY);
  } catch (error) {
    if (!(error instanceof KernelRefusal)) throw error;
    throw new OverlayError(`${mountpoint.path}: no overlay with ${upper.path}: ${error.message}`, error.code);
  }
}
