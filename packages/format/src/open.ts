import {
  DESCRIPTOR_CONFIG,
  DESCRIPTOR_NONE,
  findRootfs,
  KEY_POSITIONS,
  manifestStart,
  MAX_DEPTH,
  nextDescriptor,
  NO_SIZE,
  TYPE_CHUNK,
  TYPE_COMPRESSED_CHUNK,
  TYPE_ROOTFS,
} from "./generated/manifest.ts";
import { findVerity } from "./generated/content.ts";
import { countRecords } from "./generated/lookup.ts";
import type { Rootfs } from "./generated/metadata.ts";
import { indexNames } from "./generated/nameindex.ts";
import { checkEncoding, validate } from "./generated/validate.ts";
import { MAX_HEADER_BYTES, MAX_METADATA_BYTES, MAX_SEGMENTS, openMessage, readSegments } from "./generated/wire.ts";
import { FormatError } from "./errors.ts";
import { ZERO_BLOB_DIGEST } from "./holes.ts";
import { Bytes } from "./runtime.ts";

/** A metadata blob that keeps every rule, and what checking it has found out. */
export interface Metadata {
  readonly image: Rootfs;
  /** Visible inodes. */
  readonly inodes: number;
  /** The index of the names that their builder did not sort, for `findName`: empty in most images. */
  readonly index: Uint32Array;
  /** Number of links of each visible inode, by the ordinal that findInodeRecord and nextName give. */
  readonly links: Uint32Array;
  /** Inode number of each visible directory's parent, by ordinal; the root is its own. */
  readonly parents: Float64Array;
  /** Whether files may have holes: the image records a fs-verity digest of the blob of zeros, as of every blob. */
  readonly hasHoles: boolean;
}

/**
 * Checks what can be known of a metadata blob of `size` bytes from its first METADATA_HEADER_BYTES, or from all of a
 * smaller one: whether it is worth the memory. Throws FormatError.
 */
export function checkMetadataHeader(header: Uint8Array, size: number): void {
  if (size > MAX_METADATA_BYTES) throw new FormatError("message-too-large", "unsupported", 0, 0);
  readSegments(Bytes.of(header), size, new Uint32Array(MAX_SEGMENTS + 1));
}

export const METADATA_HEADER_BYTES = MAX_HEADER_BYTES;

/** Opens a metadata blob: checks every rule; the views it gives read `bytes`, which must not change. Throws FormatError. */
export function openMetadata(bytes: Uint8Array): Metadata {
  const message = openMessage(Bytes.of(bytes), new Uint32Array(MAX_SEGMENTS + 1));
  const image = checkEncoding(message, new Float64Array(1));
  const records = countRecords(image);
  const links = new Uint32Array(records);
  const parents = new Float64Array(records);
  const { inodes, unsorted, index: room } = validate(image, links, parents, new Float64Array(records));
  const index = new Uint32Array(room);
  if (unsorted > 0) indexNames(image, unsorted, index);
  const hasHoles = findVerity(image, ZERO_BLOB_DIGEST) !== undefined;
  return { image, inodes, index, links, parents, hasHoles };
}

/** What a manifest says of its metadata blob: hexadecimal digests. */
export interface MetadataDescriptor {
  readonly digest: string;
  /** fs-verity digest, where the manifest has it. */
  readonly verity?: string;
  /** Bytes; undefined where the manifest has no number of bytes there. */
  readonly size: number | undefined;
}

/** Memory for reading a manifest: what is open, keys, a string without escapes, two digests. */
const lend = (): [Uint8Array, Uint32Array, Uint8Array, Uint8Array] => [
  new Uint8Array(MAX_DEPTH + 1),
  new Uint32Array(KEY_POSITIONS),
  new Uint8Array(80),
  new Uint8Array(64),
];

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Finds the metadata blob in a manifest's JSON. Throws FormatError. */
export function readManifest(json: Uint8Array): MetadataDescriptor {
  const digest = new Uint8Array(32);
  const verity = new Uint8Array(32);
  const found = findRootfs(Bytes.of(json), ...lend(), digest, verity);
  const size = found.size === NO_SIZE ? undefined : found.size;
  return { digest: hex(digest), size, ...(found.hasVerity && { verity: hex(verity) }) };
}

/** A blob that a manifest needs. */
export interface ManifestBlob {
  readonly type: "config" | "rootfs" | "chunk" | "compressed-chunk" | "other";
  /** Hex sha256; undefined: the config's has another form. */
  readonly digest: string | undefined;
  /** Hex fs-verity digest, where it is annotated. */
  readonly verity: string | undefined;
  /** Bytes as stored; undefined where the manifest says nothing of the kind. */
  readonly size: number | undefined;
}

const TYPES = new Map<number, ManifestBlob["type"]>([
  [TYPE_ROOTFS, "rootfs"],
  [TYPE_CHUNK, "chunk"],
  [TYPE_COMPRESSED_CHUNK, "compressed-chunk"],
]);

/** Every blob that a manifest's JSON lists, in the order of the text. Throws FormatError. */
export function* manifestBlobs(json: Uint8Array): Generator<ManifestBlob> {
  const bytes = Bytes.of(json);
  const lent = lend();
  const [, , , digests] = lent;
  for (let next = manifestStart(bytes); ;) {
    next = nextDescriptor(bytes, ...lent, next);
    if (next.kind === DESCRIPTOR_NONE) return;
    yield {
      type: next.kind === DESCRIPTOR_CONFIG ? "config" : (TYPES.get(next.type) ?? "other"),
      digest: next.hasDigest ? hex(digests.subarray(0, 32)) : undefined,
      verity: next.hasVerity ? hex(digests.subarray(32)) : undefined,
      size: next.size === NO_SIZE ? undefined : next.size,
    };
  }
}
