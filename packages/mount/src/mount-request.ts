import type { Platform, PublicKey } from "@puzzlefs/oci";
import type { Driver } from "./driver.ts";
import type { LazyOptions } from "./lazy-options.ts";

/** `auto`: the kernel driver if it supports the request, else FUSE. */
export type DriverChoice = "auto" | Driver;

export interface MountRequest {
  /** The OCI layout; absolute. */
  ociDir: string;
  /** A tag, or the manifest's sha256. */
  reference: string;
  /** Of several images of one tag, that for this platform; default: this machine's. */
  platform?: Platform;
  mountpoint: string;
  /** Shown as the device by /proc/mounts. */
  source: string;
  /** Mount options as after -o, without those that readImageOptions() takes out. */
  options: readonly string[];
  driver: DriverChoice;
  verify: "none" | "blob";
  /** fs-verity digest that the manifest must have, hex, or `signed`: that of the signed manifest; every blob is then measured. */
  digest?: string;
  /** The layout must have a signature of the image by this key. */
  signedBy?: PublicKey;
  /** Under an overlay, whose changes are lost with the mount. */
  writable: boolean;
  /** The directory of an overlay's changes; implies `writable`. Absolute. */
  persist?: string;
  /** Mount an overlay even if the image has marks of overlayfs, which the overlay will obey. */
  overlayAttributes?: boolean;
  /** Of a lazy image. */
  lazy?: Partial<LazyOptions>;
  /** Where the processes behind a mount write messages; default: the system log. */
  logFile?: string;
}

/** A FUSE mount that a daemon is to serve. */
export interface FuseMount {
  mountpoint: string;
  /** The path at which users see it, if an overlay covers it. */
  shownAt?: string;
  /** sha256 of the stored manifest: of a packed image, not the canonical one. */
  reference: string;
  /** The fs-verity digest that the manifest must have, hex. */
  digest?: string;
  /** A descriptor for the processes that serve, which keep it open. */
  lock?: number;
  /** Chunks are fetched as they are read. */
  isLazy?: boolean;
}
