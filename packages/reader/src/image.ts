import { hash } from "node:crypto";
import {
  checkMetadataHeader,
  FormatError,
  MAX_MANIFEST_BYTES,
  METADATA_HEADER_BYTES,
  openMetadata,
  readManifest,
} from "@puzzlefs/format";
import type { Metadata, Rootfs } from "@puzzlefs/format";
import { Layout } from "@puzzlefs/oci";
import type { BlobStore, PlatformChoice } from "@puzzlefs/oci";
import { BlobCache } from "./blob-cache.ts";
import type { BlobOpener } from "./blob-cache.ts";
import { checkVerity, hashing, measuring } from "./blob-checks.ts";
import { BlobFile } from "./blob-file.ts";
import { IntegrityError } from "./errors.ts";
import { ImageTree } from "./image-tree.ts";

export interface OpenImageOptions extends PlatformChoice {
  /** Bytes of decompressed frames kept in memory. Default 8 MiB. */
  frameCacheBytes?: number;
  /** Blobs kept open. Default 512. */
  openBlobs?: number;
  /** `blob`: hash chunks each time that they are read. Default `none`; metadata and manifest are always hashed. */
  verify?: "none" | "blob";
  /** Hex fs-verity digest that the kernel must enforce on the manifest; then on every blob, as the image records. */
  verity?: string;
}

const defaultFrameCacheBytes = 8 << 20;
const defaultOpenBlobs = 512;

/** The manifest and the metadata of an image. */
export interface ImageHeader {
  /** Hex sha256. */
  manifestDigest: string;
  manifest: Buffer;
  /** Hex sha256. */
  metadataDigest: string;
  metadata: Metadata;
}

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
  return openUsed(image, blobs, options, () => headerOf(blobs, image.digest, image.bytes, options.verity));
}

/**
 * openImage() by the manifest's sha256, 64 hex digits, with nothing but the blobs. They must stay open as long as the
 * image.
 */
export function openImageIn(blobs: BlobStore, manifestDigest: string, options: OpenImageOptions = {}): ImageTree {
  return openUsed(blobs.hold?.(manifestDigest), blobs, options, () => {
    const manifest = blobs.read(manifestDigest, MAX_MANIFEST_BYTES);
    return headerOf(blobs, manifestDigest, manifest, options.verity);
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
function openUsed(
  held: Disposable | undefined,
  blobs: BlobStore,
  options: OpenImageOptions,
  read: () => ImageHeader,
): ImageTree {
  using use = new DisposableStack();
  use.use(held);
  const { manifestDigest, metadata } = read();
  const limits = {
    openBlobs: options.openBlobs ?? defaultOpenBlobs,
    frameBytes: options.frameCacheBytes ?? defaultFrameCacheBytes,
  };
  const cache = new BlobCache(blobs, limits, openerFor(metadata.image, options));
  const tree = new ImageTree(metadata, manifestDigest, cache);
  tree.own(use.move());
  return tree;
}

function openerFor(rootfs: Rootfs, options: OpenImageOptions): BlobOpener | undefined {
  if (options.verity !== undefined) return measuring(rootfs);
  return options.verify === "blob" ? hashing : undefined;
}

/** @throws as openImage */
export function readHeader(
  layout: Layout,
  reference: string,
  options: Pick<OpenImageOptions, "verity" | "platform" | "preferred"> = {},
): ImageHeader {
  const { digest, bytes } = layout.manifest(reference, options);
  return headerOf(layout.blobs, digest, bytes, options.verity);
}

/** @param stored the manifest's bytes, whose sha256 has been checked */
function headerOf(blobs: BlobStore, manifestDigest: string, stored: Buffer, verity?: string): ImageHeader {
  const name = `manifest sha256:${manifestDigest}`;
  const manifest = verity === undefined ? stored : readVerified(blobs, manifestDigest, name, checkManifestSize, verity);
  const found = inObject(name, () => readManifest(manifest));
  const metadataDigest = found.digest;
  const metadataName = `metadata blob sha256:${metadataDigest}`;
  if (verity !== undefined && found.verity === undefined) throw new IntegrityError(name, "verity", "of the metadata");
  const checkHeader = (file: BlobFile): void => checkBeforeReading(file, found.size);
  const bytes = readVerified(blobs, metadataDigest, metadataName, checkHeader, verity && found.verity);
  const metadata = inObject(metadataName, () => openMetadata(bytes));
  return { manifestDigest, manifest, metadataDigest, metadata };
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

/** A whole blob in memory, checked against its digest; `check` runs before that memory is taken. @throws {IntegrityError} */
function readVerified(
  blobs: BlobStore,
  digest: string,
  name: string,
  check: (file: BlobFile) => void,
  verity?: string,
): Buffer {
  const file = new BlobFile(blobs, digest, name);
  try {
    check(file);
    if (verity !== undefined) checkVerity(file, verity);
    const bytes = Buffer.allocUnsafeSlow(file.size);
    file.read(bytes, 0);
    if (hash("sha256", bytes) !== digest) throw new IntegrityError(name, "digest");
    return bytes;
  } finally {
    file.close();
  }
}

/** Runs a parser; its errors name the object. */
function inObject<T>(name: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw error instanceof FormatError ? error.in(name) : error;
  }
}
