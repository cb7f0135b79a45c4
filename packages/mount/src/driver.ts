import { setLabels } from "@puzzlefs/fuse";
import { FileSystemContext } from "@puzzlefs/linux";

/** Which code serves a mount. */
export type Driver = "kernel" | "fuse";

/** The options of `-t puzzlefs`, which kernel/super.c parses. */
export interface DriverMount {
  ociDir: string;
  /** The manifest's sha256, 64 hex digits. */
  manifest: string;
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

/** Mounts by the kernel driver, whose module the kernel loads if it can. Throws KernelRefusal. */
export function mountByDriver(mount: DriverMount): void {
  using context = new FileSystemContext("puzzlefs");
  context.set("source", mount.source);
  context.setDirectory("oci_root_dir", mount.ociDir);
  context.set("image_manifest", mount.manifest);
  if (mount.verify === "blob") context.set("verify", "blob");
  if (mount.digest !== undefined) context.set("verity", mount.digest);
  setLabels(context, mount.labels);
  context.mountOn(mount.mountpoint, mount.attributes);
}
