/** What the driver needs of packed images. */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { storePlaces } from "@puzzlefs/mount";
import { canonicalOf, Layout } from "@puzzlefs/oci";

/** How the driver mounts an image. */
export interface DriverImage {
  /** sha256 of the canonical manifest. */
  manifest: string;
  /** The option for the place table of a packed image. */
  more?: string;
}

/** Stores the place table of an image on the host, if it is packed. */
export function settled(layout: string, tag: string): DriverImage {
  using opened = Layout.open(layout);
  const { digest, bytes } = opened.manifest(tag);
  if (canonicalOf(bytes) === undefined) return { manifest: digest };
  using options = storePlaces(layout, tag, { verify: "none" });
  return { manifest: options.manifest, more: `places=${options.places}` };
}

/** Stores a blob, and returns its sha256. */
export function putBlob(layout: string, bytes: Uint8Array): string {
  const digest = createHash("sha256").update(bytes).digest("hex");
  writeFileSync(join(layout, "blobs/sha256", digest), bytes);
  return digest;
}
