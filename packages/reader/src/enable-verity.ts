import { readManifest } from "@puzzlefs/format";
import type { ImageHeader } from "@puzzlefs/reader";

/** A blob on which fs-verity is to be enabled, with the digest that the image records for it. */
export interface VerityTarget {
  /** Hex sha256. */
  blob: string;
  /** Hex; undefined where the image says nothing. */
  expected: string | undefined;
}

/** All blobs of an image: chunks, then metadata, then the manifest, whose digest vouches for the rest. */
export function verityTargets(header: ImageHeader, manifestVerity: string): VerityTarget[] {
  const targets: VerityTarget[] = [];
  for (const { digest, verity } of header.metadata.image.fsVerityData) {
    targets.push({
      blob: formatDigestBytes(digest.toUint8Array()),
      expected: formatDigestBytes(verity.toUint8Array()),
    });
  }
  targets.push({ blob: header.metadataDigest, expected: readManifest(header.manifest).verity });
  targets.push({ blob: header.manifestDigest, expected: manifestVerity });
  return targets;
}

export function formatDigestBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
