import { hash } from "node:crypto";
import zstd from "zstd-napi/binding.js";
import {
  chunkLayersStart,
  checkBundleSize,
  MAX_BUNDLE_BYTES,
  openBundle,
  openMetadata,
  type PackRecord,
  readBundleIndex,
  readManifest,
  readPackedManifest,
} from "@puzzlefs/format";
import type { PlacedChunk } from "@puzzlefs/format";
import { type BlobStore, chunkLayers, fsVerityDigest, PackedBlobs } from "@puzzlefs/oci";
import { checkVerity } from "./blob-checks.ts";
import { BlobFile } from "./blob-file.ts";
import { IntegrityError } from "./errors.ts";
import type { ImageHeader } from "./image-header.ts";
import { inObject, readVerified } from "./verified-read.ts";

/**
 * Settles a packed image: rebuilds its canonical manifest from the bundle, checks it against the digest that the packed
 * manifest records, and validates the metadata. Nothing is written.
 *
 * With `verity` it is the fs-verity digest of the packed manifest, or of the canonical one. The first must be enforced by the
 * kernel, as those of bundle and packs; the second is compared with the rebuilt manifest, so chunks must be hashed.
 */
export function settle(store: BlobStore, digest: string, stored: Buffer, verity?: string): ImageHeader {
  const name = `manifest sha256:${digest}`;
  const packedVerity = fsVerityDigest(stored).toString("hex");
  const isMeasured = verity === packedVerity;
  if (isMeasured) measure(store, digest, name, packedVerity);
  const { bundle: found, canonical } = inObject(name, () => readPackedManifest(stored));
  if (isMeasured && found.verity === undefined) throw new IntegrityError(name, "verity", "of the bundle");
  const bundleName = `bundle sha256:${found.digest}`;
  const packed = readVerified(
    store,
    found.digest,
    bundleName,
    (file) => checkStored(file, found.size),
    isMeasured ? found.verity : undefined,
  );
  const content = decompressBundle(packed, bundleName);
  const bundle = {
    digest: found.digest,
    size: packed.length,
    verity: found.verity ?? fsVerityDigest(packed).toString("hex"),
  };
  return settleContent(store, { digest, stored, canonical, bundle, content }, isMeasured, verity);
}

/** A packed manifest, and its bundle as it is decompressed. */
interface BundleContent {
  /** sha256 of the packed manifest, hex. */
  digest: string;
  stored: Buffer;
  bundle: PackRecord;
  content: Uint8Array;
}

/**
 * settle() of a bundle that is not in the store. Its bytes may come from anywhere: everything but its places is checked against the
 * canonical digest that the manifest records, and each chunk has a digest.
 */
export function settleBundle(store: BlobStore, parts: BundleContent): ImageHeader {
  const { canonical } = inObject(`manifest sha256:${parts.digest}`, () => readPackedManifest(parts.stored));
  return settleContent(store, { ...parts, canonical }, false);
}

function settleContent(
  store: BlobStore,
  { digest, stored, canonical, bundle: record, content }: BundleContent & { canonical: string },
  isMeasured: boolean,
  verity?: string,
): ImageHeader {
  const packedVerity = fsVerityDigest(stored).toString("hex");
  const bundleName = `bundle sha256:${record.digest}`;
  const bundle = inObject(bundleName, () => openBundle(content, stored));
  const metadataBytes = bytesOf(bundle.metadata);
  const template = bytesOf(bundle.manifest);
  const config = bytesOf(bundle.config);
  const metadataDigest = hash("sha256", metadataBytes);
  const metadataName = `metadata blob sha256:${metadataDigest}`;
  const metadata = inObject(metadataName, () => openMetadata(metadataBytes));
  const canonicalName = `manifest sha256:${canonical}`;
  // What follows the metadata in the canonical manifest does not matter.
  const described = inObject(canonicalName, () => readManifest(template));
  const { table, chunks } = inObject(bundleName, () => readBundleIndex(bundle, metadata, canonical, described));
  const manifest = inObject(canonicalName, () => withChunks(template, chunks));
  if (hash("sha256", manifest) !== canonical)
    throw new IntegrityError(canonicalName, "digest", `rebuilt from ${bundleName}`);
  if (described.digest !== metadataDigest)
    throw new IntegrityError(metadataName, "digest", `of the bundle sha256:${record.digest}`);
  if (verity !== undefined && !isMeasured) {
    const canonicalVerity = fsVerityDigest(manifest).toString("hex");
    if (canonicalVerity !== verity)
      throw new IntegrityError(canonicalName, "verity", `it has ${canonicalVerity}, the packed one ${packedVerity}`);
  }
  const own = new Map([
    [canonical, manifest],
    [metadataDigest, metadataBytes],
    [hash("sha256", config), config],
  ]);
  const check = (blob: BlobFile["stored"], pack: PackRecord): void =>
    checkVerity({ stored: blob, name: `pack sha256:${pack.digest}` }, pack.verity);
  const blobs = new PackedBlobs(store, table, own, isMeasured ? check : undefined);
  return {
    manifestDigest: canonical,
    manifest,
    metadataDigest,
    metadata,
    blobs,
    mustHash: verity !== undefined && !isMeasured,
    packed: {
      digest,
      manifest: stored,
      verity: packedVerity,
      bundle: record,
      packs: table.packs,
      table,
      metadata: metadataBytes,
      chunks,
      config,
    },
  };
}

/** A canonical manifest, of one without the layers of its chunks. Throws FormatError. */
export function withChunks(template: Uint8Array, chunks: Iterable<PlacedChunk>): Buffer {
  const end = chunkLayersStart(template);
  return Buffer.concat([template.subarray(0, end), chunkLayers(chunks), template.subarray(end)]);
}

/** Throws IntegrityError unless the kernel enforces the fs-verity digest of the stored manifest. */
function measure(store: BlobStore, digest: string, name: string, verity: string): void {
  const file = new BlobFile(store, digest, name);
  try {
    checkVerity(file, verity);
  } finally {
    file.close();
  }
}

/** Refuses a bundle before memory is taken for it. */
function checkStored(file: BlobFile, size: number | undefined): void {
  if (size !== undefined && file.size !== size) {
    throw new IntegrityError(file.name, "size", `${file.size} bytes instead of ${size}`);
  }
  inObject(file.name, () => checkBundleSize(file.size, 0));
}

/** The content of a bundle, which is one frame with its size. Throws IntegrityError, FormatError. */
export function decompressBundle(stored: Uint8Array, name: string): Uint8Array {
  let size: number | null;
  try {
    size = zstd.getFrameContentSize(stored);
  } catch (error) {
    throw new IntegrityError(name, "frame", (error as Error).message, error);
  }
  if (size === null) throw new IntegrityError(name, "frame", "it does not record its size");
  inObject(name, () => checkBundleSize(MAX_BUNDLE_BYTES, size));
  const content = Buffer.allocUnsafeSlow(size);
  let length: number;
  try {
    length = new zstd.DCtx().decompress(content, stored);
  } catch (error) {
    throw new IntegrityError(name, "frame", (error as Error).message, error);
  }
  if (length !== size) throw new IntegrityError(name, "frame", `${length} bytes instead of ${size}`);
  return content;
}

const bytesOf = (bytes: { toUint8Array(): Uint8Array }): Uint8Array => bytes.toUint8Array();
