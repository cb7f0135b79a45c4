import {
  checkMetadataHeader,
  isPackedManifest,
  MAX_MANIFEST_BYTES,
  METADATA_HEADER_BYTES,
  openMetadata,
  openRecordedMetadata,
  readManifest,
} from "@puzzlefs/format";
import { Layout } from "@puzzlefs/oci";
import type { BlobStore, PlatformChoice } from "@puzzlefs/oci";
import { BlobCache } from "./blob-cache.ts";
import type { BlobOpener } from "./blob-cache.ts";
import { hashing, measuring } from "./blob-checks.ts";
import type { BlobFile } from "./blob-file.ts";
import { IntegrityError } from "./errors.ts";
import { ImageTree } from "./image-tree.ts";
import type { ImageHeader } from "./image-header.ts";
import { settle } from "./packed-image.ts";
import { inObject, readVerified } from "./verified-read.ts";

export interface OpenImageOptions extends PlatformChoice {
  /** Bytes of decompressed frames kept in memory. Default 8 MiB. */
  frameCacheBytes?: number;
  /** Blobs kept open. Default 512. */
  openBlobs?: number;
  /** Opened blobs of the same store, for images that share them; used if chunks are neither packed nor checked. Not closed with the image. */
  blobs?: BlobCache;
  /** `blob`: hash chunks each time that they are read. Default `none`; metadata and manifest are always hashed. */
  verify?: "none" | "blob";
  /**
   * `used`: if the image records its tree, each inode is checked at its first use. Opening does not depend on the number of
   * inodes then, and methods of the tree throw FormatError. Default `all`. Packed images are always checked as a whole.
   */
  check?: "all" | "used";
  /** Hex fs-verity digest that the kernel must enforce on the manifest; then on every blob, as the image records. */
  verity?: string;
}

const defaultFrameCacheBytes = 8 << 20;
const defaultOpenBlobs = 512;

/**
 * Opens an image of a layout: manifest and metadata are read, checked against their digests and validated; chunks
 * are opened when they are read.
 *
 * @param reference a tag, or the manifest's sha256 as 64 hex digits with or without `sha256:`
 * @throws {LayoutError} there is no such image, or it is not a PuzzleFS image
 * @throws {FormatError} the manifest or the metadata break a rule; `object` names the blob
 * @throws {IntegrityError} a blob is missing or does not have its digest
 */
export function openImage(layout: Layout, reference: string, options: OpenImageOptions = {}): ImageTree {
  const { blobs } = layout;
  const image = layout.use(reference, options);
  return openUsed(image, options, () => headerOf(blobs, image.digest, image.bytes, options));
}

/**
 * openImage() by the sha256 of the stored manifest, 64 hex digits, with nothing but the blobs. They must stay open as long as
 * the image.
 */
export function openImageIn(blobs: BlobStore, manifestDigest: string, options: OpenImageOptions = {}): ImageTree {
  return openUsed(blobs.hold?.(manifestDigest), options, () => {
    const manifest = blobs.read(manifestDigest, MAX_MANIFEST_BYTES);
    return headerOf(blobs, manifestDigest, manifest, options);
  });
}

/** openImage() of the layout in a directory, which is closed with the image. */
export function openImageAt(ociDir: string, reference: string, options: OpenImageOptions = {}): ImageTree {
  using opened = new DisposableStack();
  const tree = openImage(opened.use(Layout.open(ociDir)), reference, options);
  tree.own(opened.move());
  return tree;
}

/** The image is in use (BlobStore.hold) as long as it is open. */
function openUsed(held: Disposable | undefined, options: OpenImageOptions, read: () => ImageHeader): ImageTree {
  using use = new DisposableStack();
  use.use(held);
  const tree = openHeader(read(), options);
  tree.own(use.move());
  return tree;
}

/** The image of a header that was read with the same options, but for how chunks are read. */
export function openHeader(header: ImageHeader, options: OpenImageOptions = {}): ImageTree {
  const { manifestDigest, metadata, blobs, packed } = header;
  const opener = openerFor(header, options);
  if (options.blobs !== undefined && packed === undefined && opener === undefined)
    return new ImageTree(metadata, manifestDigest, options.blobs);
  const cache = openBlobCache(blobs, options, opener);
  const tree = new ImageTree(metadata, manifestDigest, cache);
  if (packed !== undefined) tree.own(blobs);
  tree.own({ [Symbol.dispose]: () => cache.close() });
  return tree;
}

/** The option `blobs` for images of a store. */
export function openBlobCache(
  store: BlobStore,
  options: Pick<OpenImageOptions, "openBlobs" | "frameCacheBytes"> = {},
  opener?: BlobOpener,
): BlobCache {
  const limits = {
    openBlobs: options.openBlobs ?? defaultOpenBlobs,
    frameBytes: options.frameCacheBytes ?? defaultFrameCacheBytes,
  };
  return new BlobCache(store, limits, opener);
}

function openerFor({ metadata, packed, mustHash }: ImageHeader, options: OpenImageOptions): BlobOpener | undefined {
  if (mustHash) return hashing;
  // The packs of a packed image are measured when they are opened.
  if (options.verity !== undefined && packed === undefined) return measuring(metadata.image);
  return options.verify === "blob" ? hashing : undefined;
}

/** @throws as openImage */
export function readHeader(
  layout: Layout,
  reference: string,
  options: Pick<OpenImageOptions, "verity" | "check" | "platform" | "preferred"> = {},
): ImageHeader {
  const { digest, bytes } = layout.manifest(reference, options);
  return headerOf(layout.blobs, digest, bytes, options);
}

/** readHeader() by the sha256 of the stored manifest, 64 hex digits, with nothing but the blobs. */
export function readHeaderIn(blobs: BlobStore, manifestDigest: string): ImageHeader {
  return headerOf(blobs, manifestDigest, blobs.read(manifestDigest, MAX_MANIFEST_BYTES), {});
}

/** @param stored the manifest's bytes, whose sha256 has been checked */
function headerOf(
  blobs: BlobStore,
  manifestDigest: string,
  stored: Buffer,
  { verity, check }: Pick<OpenImageOptions, "verity" | "check">,
): ImageHeader {
  const name = `manifest sha256:${manifestDigest}`;
  if (inObject(name, () => isPackedManifest(stored))) return settle(blobs, manifestDigest, stored, verity);
  const manifest = verity === undefined ? stored : readVerified(blobs, manifestDigest, name, checkManifestSize, verity);
  const found = inObject(name, () => readManifest(manifest, check));
  const metadataDigest = found.digest;
  const metadataName = `metadata blob sha256:${metadataDigest}`;
  if (verity !== undefined && found.verity === undefined) throw new IntegrityError(name, "verity", "of the metadata");
  const checkHeader = (file: BlobFile): void => checkBeforeReading(file, found.size);
  const bytes = readVerified(blobs, metadataDigest, metadataName, checkHeader, verity && found.verity);
  const metadata = inObject(metadataName, () =>
    check === "used" ? openRecordedMetadata(bytes, metadataName) : openMetadata(bytes),
  );
  return { manifestDigest, manifest, metadataDigest, metadata, blobs, mustHash: false };
}

/** Refuses metadata before memory is taken for it. `size`: as the manifest has it. */
function checkBeforeReading(file: BlobFile, size: number | undefined): void {
  if (size !== undefined && file.size !== size) {
    throw new IntegrityError(file.name, "size", `${file.size} bytes instead of ${size}`);
  }
  const header = Buffer.alloc(Math.min(file.size, METADATA_HEADER_BYTES));
  file.read(header, 0);
  inObject(file.name, () => checkMetadataHeader(header, file.size));
}

function checkManifestSize(file: BlobFile): void {
  if (file.size <= MAX_MANIFEST_BYTES) return;
  throw new IntegrityError(file.name, "unreadable", `${file.size} bytes, at most ${MAX_MANIFEST_BYTES}`);
}
