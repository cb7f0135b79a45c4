import { hash } from "node:crypto";
import { FormatError, openMetadata, readManifest } from "@puzzlefs/format";
import type { Metadata, Rootfs } from "@puzzlefs/format";
import { MANIFEST_LIMIT } from "@puzzlefs/oci";
import type { Layout } from "@puzzlefs/oci";
import { BlobCache } from "./blob-cache.ts";
import type { BlobCheck } from "./blob-cache.ts";
import { checkVerity, DigestCheck, VerityCheck } from "./blob-checks.ts";
import { BlobFile } from "./blob-file.ts";
import { IntegrityError } from "./errors.ts";
import { ImageTree } from "./image-tree.ts";

export interface OpenImageOptions {
  /** Bytes of decompressed frames kept in memory. Default 8 MiB. */
  frameCacheBytes?: number;
  /** Blobs kept open. Default 512. */
  openBlobs?: number;
  /** `blob`: hash chunks before their first use. Default `none`; metadata and manifest are always hashed. */
  verify?: "none" | "blob";
  /** Hex fs-verity digest that the kernel must enforce on the manifest; then on every blob, as the image records. */
  verity?: string;
}

const defaultFrameCacheBytes = 8 << 20;
const defaultOpenBlobs = 512;
/** The largest message of FORMAT.md: bytes. */
const metadataLimit = 2 ** 32;

/** What an image consists of before any content is looked at. */
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
 * @throws {FormatError} the manifest or the metadata break a rule; `object` names the blob
 * @throws {IntegrityError} a blob is missing or not what its name says
 */
export function openImage(layout: Layout, reference: string, options: OpenImageOptions = {}): ImageTree {
  const { manifestDigest, metadata } = readHeader(layout, reference, options.verity);
  const limits = {
    openBlobs: options.openBlobs ?? defaultOpenBlobs,
    frameBytes: options.frameCacheBytes ?? defaultFrameCacheBytes,
  };
  return new ImageTree(metadata, manifestDigest, new BlobCache(layout, limits, checkFor(metadata.image, options)));
}

function checkFor(rootfs: Rootfs, options: OpenImageOptions): BlobCheck | undefined {
  if (options.verity !== undefined) return new VerityCheck(rootfs);
  return options.verify === "blob" ? new DigestCheck(rootfs) : undefined;
}

/** @throws as openImage */
export function readHeader(layout: Layout, reference: string, verity?: string): ImageHeader {
  const { digest: manifestDigest, bytes: stored } = layout.manifest(reference);
  const name = `manifest sha256:${manifestDigest}`;
  const manifest = verity === undefined ? stored : readVerified(layout, manifestDigest, name, MANIFEST_LIMIT, verity);
  const found = inObject(name, () => readManifest(manifest));
  const metadataDigest = found.digest;
  const metadataName = `metadata blob sha256:${metadataDigest}`;
  if (verity !== undefined && found.verity === undefined) throw new IntegrityError(name, "verity", "of the metadata");
  const bytes = readVerified(layout, metadataDigest, metadataName, metadataLimit, verity && found.verity);
  const metadata = inObject(metadataName, () => openMetadata(bytes));
  return { manifestDigest, manifest, metadataDigest, metadata };
}

/** A whole blob in memory, checked against its digest. @throws {IntegrityError} */
function readVerified(layout: Layout, digest: string, name: string, limit: number, verity?: string): Buffer {
  const file = new BlobFile(layout, digest, name);
  try {
    if (file.size > limit) throw new IntegrityError(name, "unreadable", `${file.size} bytes, at most ${limit}`);
    if (verity !== undefined) checkVerity(file.descriptor, name, verity);
    const bytes = Buffer.allocUnsafeSlow(file.size);
    file.read(bytes, 0);
    if (hash("sha256", bytes) !== digest) throw new IntegrityError(name, "digest");
    return bytes;
  } finally {
    file.close();
  }
}

/** Runs a parser and gives its failures the name of what it parsed. */
function inObject<T>(name: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw error instanceof FormatError ? error.in(name) : error;
  }
}
