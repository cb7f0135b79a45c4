import {
  DESCRIPTOR_CONFIG,
  DESCRIPTOR_NONE,
  findFirstRootfs,
  findRootfs,
  manifestStart,
  nextDescriptor,
  NO_SIZE,
  TYPE_BUNDLE,
  TYPE_CHUNK,
  TYPE_COMPRESSED_CHUNK,
  TYPE_PACK,
  TYPE_ROOTFS,
} from "./generated/manifest.ts";
import type { ManifestScratch } from "./generated/manifest.ts";
import { DIGEST_BYTES, DIGEST_TEXT_BYTES } from "./generated/digest.ts";
import { KEY_POSITIONS, OPEN_MARKS } from "./generated/json.ts";
import { checkOutline } from "./generated/firstuse.ts";
import { recordsTree } from "./generated/recorded.ts";
import { checkEncoding } from "./generated/validate.ts";
import { MAX_HEADER_BYTES, MAX_METADATA_BYTES, MAX_SEGMENTS, openMessage, readSegments } from "./generated/wire.ts";
import type { Message } from "./generated/wire.ts";
import { FormatError } from "./errors.ts";
import { RecordedMetadata, WholeMetadata } from "./metadata.ts";
import type { Metadata } from "./metadata.ts";
import { Bytes } from "./runtime.ts";

/**
 * Checks the table of segments of a metadata blob of `size` bytes, before memory is allocated for the rest. `header` is its
 * first METADATA_HEADER_BYTES, or all of a smaller one. Throws FormatError.
 */
export function checkMetadataHeader(header: Uint8Array, size: number): void {
  if (size > MAX_METADATA_BYTES) throw new FormatError("message-too-large", "unsupported", 0, 0);
  readSegments(Bytes.of(header), size, new Uint32Array(MAX_SEGMENTS + 1));
}

export const METADATA_HEADER_BYTES = MAX_HEADER_BYTES;

/** Opens a metadata blob: checks every rule; the views that it returns read `bytes`, which must not change. Throws FormatError. */
export function openMetadata(bytes: Uint8Array): WholeMetadata {
  return new WholeMetadata(checkEncoding(messageOf(bytes), new Float64Array(1)));
}

/**
 * The same, but an image that records its tree is checked inode by inode, as each is first used.
 *
 * @param object the name of the blob in errors that are found later
 */
export function openRecordedMetadata(bytes: Uint8Array, object: string): Metadata {
  const work = new Float64Array(1);
  const image = checkOutline(messageOf(bytes), work);
  return recordsTree(image)
    ? new RecordedMetadata(image, work, object, () => openMetadata(bytes))
    : openMetadata(bytes);
}

function messageOf(bytes: Uint8Array): Message {
  return openMessage(Bytes.of(bytes), new Uint32Array(MAX_SEGMENTS + 1));
}

/** The metadata blob, as its manifest describes it; hexadecimal digests. */
export interface MetadataDescriptor {
  readonly digest: string;
  /** fs-verity digest, if the manifest has it. */
  readonly verity?: string;
  /** Bytes; undefined if the manifest has no valid size. */
  readonly size: number | undefined;
}

/** Zeroed memory for reading one manifest. */
export function manifestScratch(): ManifestScratch {
  return {
    open: new Uint8Array(OPEN_MARKS),
    keys: new Uint32Array(KEY_POSITIONS),
    plain: new Uint8Array(DIGEST_TEXT_BYTES),
    layer: new Uint8Array(2 * DIGEST_BYTES),
    digest: new Uint8Array(DIGEST_BYTES),
    verity: new Uint8Array(DIGEST_BYTES),
  };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/**
 * Finds the metadata blob in a manifest's JSON. Throws FormatError.
 *
 * @param check `used`: the text behind the descriptor is not checked
 */
export function readManifest(json: Uint8Array, check: "all" | "used" = "all"): MetadataDescriptor {
  const scratch = manifestScratch();
  const found = (check === "used" ? findFirstRootfs : findRootfs)(Bytes.of(json), scratch);
  const size = found.size === NO_SIZE ? undefined : found.size;
  return { digest: hex(scratch.digest), size, ...(found.hasVerity && { verity: hex(scratch.verity) }) };
}

/** A blob that a manifest needs. */
export interface ManifestBlob {
  readonly type: "config" | "rootfs" | "chunk" | "compressed-chunk" | "bundle" | "pack" | "other";
  /** Hex sha256; undefined if the config's digest has another form. */
  readonly digest: string | undefined;
  /** Hex fs-verity digest, if it is annotated. */
  readonly verity: string | undefined;
  /** Bytes as stored; undefined if the manifest has no valid size. */
  readonly size: number | undefined;
}

const TYPES = new Map<number, ManifestBlob["type"]>([
  [TYPE_ROOTFS, "rootfs"],
  [TYPE_CHUNK, "chunk"],
  [TYPE_COMPRESSED_CHUNK, "compressed-chunk"],
  [TYPE_BUNDLE, "bundle"],
  [TYPE_PACK, "pack"],
]);

/** Every blob that a manifest's JSON lists, in the order of the text. Throws FormatError. */
export function* manifestBlobs(json: Uint8Array): Generator<ManifestBlob> {
  const bytes = Bytes.of(json);
  const scratch = manifestScratch();
  for (let next = manifestStart(bytes); ;) {
    next = nextDescriptor(bytes, scratch, next);
    if (next.kind === DESCRIPTOR_NONE) return;
    yield {
      type: next.kind === DESCRIPTOR_CONFIG ? "config" : (TYPES.get(next.type) ?? "other"),
      digest: next.hasDigest ? hex(scratch.layer.subarray(0, DIGEST_BYTES)) : undefined,
      verity: next.hasVerity ? hex(scratch.layer.subarray(DIGEST_BYTES)) : undefined,
      size: next.size === NO_SIZE ? undefined : next.size,
    };
  }
}
