import { readManifest } from "@puzzlefs/format";
import { type BlobStore, fsVerityDigest } from "@puzzlefs/oci";
import { IntegrityError } from "./errors.ts";
import type { ImageHeader, PackedForm } from "./image-header.ts";

/**
 * Enables fs-verity on all blobs of an image and compares the digests that the kernel computes with those that the image
 * records: chunks first, then the metadata, then the manifest, whose digest covers the others. So a manifest that has
 * fs-verity belongs to an image that has it on all blobs. Blobs that have it already are only compared. Of a packed image
 * these are its packs, its bundle, and the packed manifest.
 *
 * @param blobs of the layout
 * @param manifestVerity the fs-verity digest of the canonical manifest, hex; of a packed image, also that of the packed one
 * @returns the number of blobs
 * @throws {IntegrityError} (verity) a digest is another one; before anything is changed if it is the manifest's
 * @throws {LayoutError} a blob is missing
 * @throws {SystemError} ENOTSUP, EOPNOTSUPP or ENOTTY if the file system or the kernel does not support fs-verity
 */
export function enableVerity(blobs: Pick<BlobStore, "open">, header: ImageHeader, manifestVerity: string): number {
  const { packed } = header;
  const computed = hexOf(fsVerityDigest(header.manifest));
  if (computed !== manifestVerity && packed?.verity !== manifestVerity) {
    const manifest = `manifest sha256:${header.manifestDigest}`;
    throw new IntegrityError(manifest, "verity", `it is ${computed}, not ${manifestVerity}`);
  }
  const recorded = packed === undefined ? recordedDigests(header, manifestVerity) : packedDigests(packed);
  for (const { blob, verity } of recorded) enable(blobs, blob, verity);
  return recorded.length;
}

/** A blob and its fs-verity digest, in hex. */
interface RecordedDigest {
  blob: string;
  /** Undefined if the image records none. */
  verity: string | undefined;
}

/** All blobs of an image, in the order in which fs-verity is enabled. */
function recordedDigests(header: ImageHeader, manifestVerity: string): RecordedDigest[] {
  const chunks = [...header.metadata.image.fsVerityData].map(({ digest, verity }) => ({
    blob: hexOf(digest.toUint8Array()),
    verity: hexOf(verity.toUint8Array()),
  }));
  return [
    ...chunks,
    { blob: header.metadataDigest, verity: readManifest(header.manifest).verity },
    { blob: header.manifestDigest, verity: manifestVerity },
  ];
}

/** The same of a packed image. */
function packedDigests({ packs, bundle, digest, verity }: PackedForm): RecordedDigest[] {
  const files = [...packs, bundle].map((file) => ({ blob: file.digest, verity: file.verity }));
  return [...files, { blob: digest, verity }];
}

function enable(blobs: Pick<BlobStore, "open">, blob: string, recorded: string | undefined): void {
  const stored = blobs.open(blob);
  let measured: Buffer | undefined;
  try {
    // Measured first: if the store is read-only by now, enabling fails even where it is enabled already.
    measured = stored.measureVerity();
    if (measured === undefined) {
      stored.enableVerity();
      measured = stored.measureVerity();
    }
  } finally {
    stored.close();
  }
  const found = measured === undefined ? "none" : hexOf(measured);
  if (recorded === undefined || found === recorded) return;
  throw new IntegrityError(
    `blob sha256:${blob}`,
    "verity",
    `the kernel measures ${found}, the image records ${recorded}`,
  );
}

function hexOf(digest: Uint8Array): string {
  return Buffer.from(digest).toString("hex");
}
