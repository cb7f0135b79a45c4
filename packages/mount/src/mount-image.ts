import {
  checkMountpoint,
  MountError,
  MountOptionError,
  type MountOptions,
  type Mountpoint,
  parseMountOptions,
} from "@puzzlefs/fuse";
import { Directory, KernelRefusal, MOUNT_ATTR_RDONLY, type OpenEvents } from "@puzzlefs/linux";
import { canonicalOf, Layout, type Manifest } from "@puzzlefs/oci";
import { type ImageTree, openImageAt, verifySigned } from "@puzzlefs/reader";
import { checkPacked, type Driver, mountByDriver } from "./driver.ts";
import { mountWritable, OverlayError } from "./overlay.ts";
import { isLazy } from "./fetcher-program.ts";
import type { DriverChoice, FuseMount, MountRequest } from "./mount-request.ts";
import { startListener } from "./opens/start-listener.ts";
import { overlayPrefix, refuseOverlayMarks } from "./overlay-marks.ts";
import { type PackedOptions, storePlaces, StoreRefusal } from "./stored-places.ts";

/**
 * Mounts an image, and returns by which driver. `startFuse` starts a daemon and resolves once its mount is usable. `warn`
 * is called with warnings for the user.
 *
 * Rejects with MountError; with FormatError, IntegrityError or LayoutError, which do not
 * depend on the driver; and with the errors of startFuse.
 */
export async function mountImage(
  given: MountRequest,
  startFuse: (mount: FuseMount) => Promise<void>,
  warn: (message: string) => void,
): Promise<Driver> {
  const options = parseMountOptions(given.options, given.source);
  using shownAt = checkMountpoint(given.mountpoint);
  // From here on it is one image, even if its tag changes. gc keeps it: later for the lock of the server, or as it finds the driver's mount.
  using image = useImage(given);
  const reference = image.digest;
  const digest = requiredDigest(given, reference);
  const verity = digest !== undefined && { digest };
  const canonical = canonicalOf(image.bytes) ?? reference;
  using inUse = new DisposableStack();
  let opens: OpenEvents | undefined;
  const lazy = isLazy({ ...given, ...verity }, image);
  const driver = lazy && given.lazy?.byDriver !== true ? "fuse" : given.driver;
  const request: ResolvedRequest = {
    ...given,
    ...verity,
    driver,
    reference,
    isPacked: canonical !== reference,
    inUse,
    ...(lazy && { listen: async (root) => void (opens = inUse.use(await startListener(request, root, shownAt.path))) }),
  };
  if (!request.writable && request.persist === undefined) {
    return await mountReadOnly(request, options, shownAt, () =>
      startFuse({ mountpoint: shownAt.path, reference, ...verity, isLazy: lazy }),
    );
  }
  using layout = Layout.open(request.ociDir);
  // Not closed here: it is the descriptor of `shownAt`.
  const mountpoint = new Directory(shownAt.descriptor, shownAt.path);
  const apart = [
    { what: "the mount point", directory: mountpoint },
    { what: "the image's layout", directory: layout.directory },
    { what: "the image's store", directory: layout.blobs.directory },
  ];
  const { fsname: source, attributes, labels } = options;
  const overlay = {
    source,
    attributes,
    labels,
    image: canonical,
    persist: request.persist,
    apart,
    warn,
    opens: () => opens,
  };
  let used: Driver | undefined;
  const writable = (choice: DriverChoice): Promise<Driver> =>
    mountWritable(shownAt, overlay, async ({ mountpoint: lower, preferred, lock }) => {
      const served = { mountpoint: lower.path, shownAt: shownAt.path, reference, ...verity, isLazy: lazy };
      const start = (): Promise<void> => startFuse({ ...served, ...(lock !== undefined && { lock }) });
      const chosen = choice === "auto" && preferred === "fuse" ? "fuse" : choice;
      used = await mountReadOnly({ ...request, driver: chosen }, { ...options, labels: [] }, lower, start);
      // A FUSE server does this itself: it has the image open.
      if (used === "kernel" && request.overlayAttributes !== true) {
        using tree = openRequested(request);
        refuseOverlayMarks(tree, request.mountpoint, overlayPrefix());
      }
      return used;
    });
  try {
    return await writable(request.driver);
  } catch (error) {
    // The kernel limits the depth of stacked file systems to two, and counts the driver, but not FUSE.
    if (!(error instanceof OverlayError) || request.driver !== "auto" || used !== "kernel") throw error;
    return await writable("fuse");
  }
}

/** A request whose reference is the digest of the stored manifest. */
interface ResolvedRequest extends MountRequest {
  isPacked: boolean;
  /** What gc must keep until the mount is in the lists. */
  inUse: DisposableStack;
  /** Of a lazy image: has opens in a mount of the driver wait. */
  listen?: (root: number) => Promise<void>;
}

async function mountReadOnly(
  request: ResolvedRequest,
  options: MountOptions,
  mountpoint: Mountpoint,
  startFuse: () => Promise<void>,
): Promise<Driver> {
  const refusal = request.driver === "fuse" ? "" : await tryDriver(request, options, mountpoint);
  if (refusal === undefined) return "kernel";
  if (request.driver === "kernel") {
    // Both drivers refuse an image of a newer format: ENOTSUP does not mean then that the driver is missing.
    openRequested(request).close();
    throw new MountError(`${request.mountpoint}: the kernel driver cannot mount it: ${refusal}`);
  }
  try {
    await startFuse();
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "MountError" || refusal === "") throw error;
    throw new MountError(`${error.message}; nor by the kernel driver: ${refusal}`);
  }
  return "fuse";
}

/** Mounts by the driver, or returns the reason why it cannot be used here. Throws for a fault of the image. */
async function tryDriver(
  request: ResolvedRequest,
  options: MountOptions,
  mountpoint: Mountpoint,
): Promise<string | undefined> {
  if (options.fuseOnly.length > 0) return `${options.fuseOnly.join(", ")}: only FUSE has that`;
  try {
    const { ociDir, reference: manifest, verify, digest } = request;
    const loose = { manifest, verify, ...(digest !== undefined && { digest }) };
    const mount = {
      ociDir,
      ...(request.isPacked ? packedOptions(request) : loose),
      source: options.fsname,
      mountpoint: mountpoint.descriptor,
      attributes: options.attributes | MOUNT_ATTR_RDONLY,
      labels: options.labels,
    };
    await mountByDriver(mount, request.listen);
    return undefined;
  } catch (error) {
    if (error instanceof StoreRefusal) return error.message;
    if (!(error instanceof KernelRefusal)) throw error;
    if (CANNOT.has(error.code)) return error.message;
    // User space refuses it by the same specification, with an error that names the rule and the offset.
    openRequested(request).close();
    throw new MountError(`${request.mountpoint}: ${error.message}`, error.code);
  }
}

/** Stores nothing where the driver would not read it. */
function packedOptions({ ociDir, reference, verify, digest, inUse }: ResolvedRequest): PackedOptions {
  checkPacked();
  return inUse.use(storePlaces(ociDir, reference, { verify, ...(digest !== undefined && { digest }) }));
}

/**
 * Refusals that are not about the image: no such driver or system call, not permitted (nor in a user namespace), no
 * fs-verity for modules (6.1), too many file systems on each other.
 */
const CANNOT = new Set(["ENODEV", "ENOSYS", "EPERM", "ENOTSUP", "ELOOP"]);

function useImage({ ociDir, reference, platform }: MountRequest): Manifest & Disposable {
  using layout = Layout.open(ociDir);
  return layout.use(reference, platform === undefined ? {} : { platform });
}

/** Verifies the signature, if one is required, and returns the fs-verity digest, if one is. */
function requiredDigest({ ociDir, digest, signedBy }: MountRequest, reference: string): string | undefined {
  if (signedBy === undefined) {
    if (digest === "signed") throw new MountOptionError("the digest `signed` needs a required signature");
    return digest;
  }
  using layout = Layout.open(ociDir);
  const { verity } = verifySigned(layout, reference, signedBy);
  return digest === "signed" ? verity : digest;
}

function openRequested({ ociDir, reference, verify, digest }: MountRequest): ImageTree {
  return openImageAt(ociDir, reference, { verify, ...(digest !== undefined && { verity: digest }) });
}
