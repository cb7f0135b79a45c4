import { bytesOf, type Directory, fgetxattr, fsetxattr, hasCode, textOf } from "@puzzlefs/linux";
import type { Driver } from "./driver.ts";
import { overlayPrefix } from "./overlay-marks.ts";

/**
 * The image and driver with which an upper directory was last mounted, in an attribute whose name begins as overlayfs' own,
 * so that the overlay hides it. The index of hard links (see docs/decisions) refers to inodes of that image by handles of that driver.
 */
export interface UpperRecord {
  /** sha256 of the manifest. */
  image: string;
  driver: Driver;
  /** Whether an index of hard links is kept. */
  index: boolean;
  /** The mount point, for messages. */
  at: string;
}

/** Behind the prefix of overlayfs' own attributes. */
const NAME = "puzzlefs";
/** Attributes of some file systems have no more room than a block. */
const LONGEST = 512;

/** Undefined for a directory that was never mounted, and for a record of another form. */
export function readRecord(upper: Directory): UpperRecord | undefined {
  return recordWith(upper, overlayPrefix());
}

/** readRecord() of a mount whose attributes begin with `prefix`. */
export function recordWith(upper: Directory, prefix: string): UpperRecord | undefined {
  let value: Buffer | undefined;
  try {
    value = upper.opened((descriptor) => fgetxattr(descriptor, prefix + NAME));
  } catch (error) {
    if (hasCode(error, "ENOTSUP", "EOPNOTSUPP")) return undefined;
    throw error;
  }
  const found = /^1 ([0-9a-f]{64}) (kernel|fuse) (index|none) (.+)$/s.exec(textOf(value ?? Buffer.alloc(0)));
  if (found === null) return undefined;
  const [, image, driver, index, at] = found as unknown as [string, string, string, string, string];
  return { image, driver: driver === "kernel" ? "kernel" : "fuse", index: index === "index", at };
}

/** Without effect where the file system has no attributes of this kind. */
export function writeRecord(upper: Directory, { image, driver, index, at }: UpperRecord): void {
  const text = `1 ${image} ${driver} ${index ? "index" : "none"} ${at}`;
  try {
    upper.opened((descriptor) => fsetxattr(descriptor, overlayPrefix() + NAME, bytesOf(text).subarray(0, LONGEST)));
  } catch (error) {
    if (!hasCode(error, "ENOTSUP", "EOPNOTSUPP", "EPERM", "ENOSPC")) throw error;
  }
}
