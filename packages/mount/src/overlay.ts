import { release } from "node:os";
import { join } from "node:path";
import { checkMountpoint, MountError, type Mountpoint, setLabels } from "@puzzlefs/fuse";
import { close, FileSystemContext, inInitialNamespace, KernelRefusal, type OpenEvents } from "@puzzlefs/linux";
import type { Driver } from "./driver.ts";
import { copyRootAttributes } from "./root-attributes.ts";
import { ScratchMount } from "./scratch-mount.ts";
import { readRecord, type UpperRecord, writeRecord } from "./upper-record.ts";
import { inUse, type NamedDirectory } from "./upper-use.ts";
import { Upper } from "./upper.ts";

/** The kernel refused the overlay; its lower layer was fine. */
export class OverlayError extends MountError {}

export interface Overlay {
  source: string;
  /** MOUNT_ATTR_* of the overlay. */
  attributes: number;
  /** Options of SELinux. */
  labels: readonly (readonly [string, string])[];
  /** sha256 of the manifest of what is below. */
  image: string;
  /** The upper directory; undefined: in memory. */
  persist: string | undefined;
  /** Directories that the upper one must be apart from. */
  apart: readonly NamedDirectory[];
  /** Called with warnings for the user. */
  warn: (message: string) => void;
  /** Opens in a lower mount of the driver wait, until chunks have been fetched. */
  opens: () => OpenEvents | undefined;
}

/** How the lower layer is to be mounted. */
export interface Lower {
  mountpoint: Mountpoint;
  /** The driver with which the upper directory was last mounted, if over this image. */
  preferred: Driver | undefined;
  /** A lock for the processes that serve, if any do. */
  lock: number | undefined;
}

/**
 * Mounts an overlay on `mountpoint`, over the read-only mount that `mountLower` makes on the directory that is passed to it.
 * Resolves with the driver of the lower mount.
 *
 * Only the overlay stays visible. Its layers are mounted below a temporary directory and detached once the overlay
 * refers to them, so unmounting the overlay, also by umount(8), ends all of them, and a kill after that leaves no hidden
 * mount.
 */
export async function mountWritable(
  mountpoint: Mountpoint,
  overlay: Overlay,
  mountLower: (lower: Lower) => Promise<Driver>,
): Promise<Driver> {
  // Its name is the only trace of the image in the list of mounts: see mounted-images.ts.
  using scratch = new ScratchMount(
    `puzzlefs-${overlay.image}-`,
    "a writable mount is an overlay, which only root may mount",
  );
  const mounts = scratch.directory;
  const { persist, apart } = overlay;
  using upper = persist === undefined ? Upper.make(mounts) : await Upper.open(persist, apart, mounts);
  try {
    mounts.makeDirectory("lower").close();
    const lower = join(mounts.path, "lower");
    using target = checkMountpoint(lower);
    const record = readRecord(upper.upper);
    const preferred = record?.image === overlay.image ? record.driver : undefined;
    const driver = await mountLower({ mountpoint: target, preferred, lock: upper.lock });
    mountOver(mountpoint, overlay, lower, driver, upper);
    return driver;
  } catch (error) {
    upper.undo();
    throw error;
  }
}

/** The first mount of an upper directory copies the attributes of the lower root to it; later ones keep users' changes. */
function mountOver(mountpoint: Mountpoint, overlay: Overlay, lower: string, driver: Driver, upper: Upper): void {
  const { image, warn } = overlay;
  const { path } = upper.upper;
  const record = readRecord(upper.upper);
  const { isEmpty } = upper;
  if (isEmpty && record === undefined && upper.isOurs) copyRootAttributes(lower, upper.upper, warn);
  if (isEmpty) upper.removeIndex();
  // An index refers to inodes of one image, by the file handles of one driver.
  const fits = record?.index === true && record.image === image && record.driver === driver;
  let index = isEmpty || (fits && upper.indexed !== undefined);
  if (!index) dropIndex(upper, record);
  try {
    mountOverlay(mountpoint, overlay, lower, upper, index);
  } catch (error) {
    // A copy of an upper directory: its index refers to the original.
    if (!(error instanceof OverlayError) || error.code !== "ESTALE" || !index) throw error;
    dropIndex(upper, undefined);
    index = false;
    mountOverlay(mountpoint, overlay, lower, upper, index);
  }
  if (record !== undefined && record.image !== image && !isEmpty) {
    warn(`${path}: changes of another image, ${record.image}, are laid over ${image}`);
  }
  if (overlay.persist !== undefined) writeRecord(upper.upper, { image, driver, index, at: mountpoint.path });
}

/** Throws MountError if the index has entries: only it records which names of a changed file are hard links. */
function dropIndex(upper: Upper, record: UpperRecord | undefined): void {
  if ((upper.indexed ?? 0) > 0) {
    const owner =
      record === undefined ? "another directory" : `image ${record.image}, mounted by --driver ${record.driver}`;
    throw new MountError(
      `${upper.upper.path}: files with hard links were changed, whose index ${upper.indexPath} belongs to ${owner}; ` +
        "remove the index to go on without: names that were not written themselves show the image's content then",
    );
  }
  upper.removeIndex();
}

/** Before Linux 6.5 fanotify(7) does not see that an overlay opens files of its layers: there the overlay has to be marked. */
export function hidesLowerOpens(): boolean {
  const [major = 0, minor = 0] = release()
    .split(".")
    .map((part) => parseInt(part, 10));
  return major < 6 || (major === 6 && minor < 5);
}

function mountOverlay(
  mountpoint: Mountpoint,
  overlay: Overlay,
  lower: string,
  { upper, work }: Upper,
  index: boolean,
): void {
  try {
    using context = new FileSystemContext("overlay");
    context.set("source", overlay.source);
    context.setDirectory("lowerdir", lower);
    context.setDirectory("upperdir", upper.descriptor);
    context.setDirectory("workdir", work.descriptor);
    // In a user namespace trusted xattrs cannot be set, and files not be opened by handle, which an index needs.
    if (inInitialNamespace("user")) context.set("index", index ? "on" : "off");
    else context.setFlag("userxattr");
    setLabels(context, overlay.labels);
    const opens = hidesLowerOpens() ? overlay.opens() : undefined;
    // Then inode numbers are those of the image.
    if (opens !== undefined) context.set("xino", "off");
    const root = context.mountApart(overlay.attributes);
    try {
      opens?.mark(root);
      context.attach(root, mountpoint.descriptor);
    } finally {
      close(root);
    }
  } catch (error) {
    if (!(error instanceof KernelRefusal)) throw error;
    if (error.code === "EBUSY") throw new MountError(`${upper.path}: ${inUse(undefined)}`, error.code);
    const reason = error.message.replace(/\/proc\/self\/fd\/\d+/g, upper.path);
    throw new OverlayError(`${mountpoint.path}: no overlay with ${upper.path}: ${reason}`, error.code);
  }
}
