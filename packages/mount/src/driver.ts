import { setLabels } from "@puzzlefs/fuse";
import { close, FileSystemContext, KernelRefusal } from "@puzzlefs/linux";

/** Which code serves a mount. */
export type Driver = "kernel" | "fuse";

/** The options of `-t puzzlefs`, which kernel/super.c parses. */
export interface DriverMount {
  ociDir: string;
  /** The manifest's sha256, 64 hex digits. */
  manifest: string;
  /** Of a packed image: sha256 of its place table, likewise. */
  places?: string;
  /** Opened. */
  mountpoint: number;
  source: string;
  /** MOUNT_ATTR_*. */
  attributes: number;
  /** Options of SELinux. */
  labels: readonly (readonly [string, string])[];
  verify: "none" | "blob";
  digest?: string;
}

/** Throws KernelRefusal where mountByDriver() cannot mount packed images. */
export function checkPacked(): void {
  using context = new FileSystemContext("puzzlefs");
  try {
    context.set("places", "0".repeat(64));
  } catch (error) {
    if (!(error instanceof KernelRefusal)) throw error;
    throw new KernelRefusal(
      "ENOTSUP",
      "this version of the driver reads no packed images: use FUSE, or `puzzlefs unpack` first",
    );
  }
}

/**
 * Mounts by the kernel driver, whose module the kernel loads if it can. `prepare` gets a descriptor of the root directory, before the mount is
 * at its path. Rejects with KernelRefusal, and with errors of `prepare`: then nothing has been mounted.
 */
export async function mountByDriver(mount: DriverMount, prepare?: (root: number) => Promise<void>): Promise<void> {
  using context = new FileSystemContext("puzzlefs");
  context.set("source", mount.source);
  context.setDirectory("oci_root_dir", mount.ociDir);
  context.set("image_manifest", mount.manifest);
  if (mount.places !== undefined) context.set("places", mount.places);
  if (mount.verify === "blob") context.set("verify", "blob");
  if (mount.digest !== undefined) context.set("verity", mount.digest);
  setLabels(context, mount.labels);
  const root = context.mountApart(mount.attributes);
  try {
    await prepare?.(root);
    context.attach(root, mount.mountpoint);
  } finally {
    close(root);
  }
}
