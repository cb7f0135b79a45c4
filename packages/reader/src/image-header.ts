import type { Metadata, PackRecord, PlacedChunk, PlaceTable } from "@puzzlefs/format";
import type { BlobStore } from "@puzzlefs/oci";

/** The stored form of a packed image. Digests are in hex. */
export interface PackedForm {
  /** sha256 of the packed manifest, which index.json names. */
  digest: string;
  manifest: Buffer;
  /** fs-verity digest of the packed manifest. */
  verity: string;
  bundle: PackRecord;
  packs: readonly PackRecord[];
  /** Where the chunks are. */
  table: PlaceTable;
  /** The metadata blob. */
  metadata: Uint8Array;
  /** The chunks, in ascending order of their digests. */
  chunks: readonly PlacedChunk[];
  /** The blob of the canonical configuration. */
  config: Uint8Array;
}

/** The canonical manifest and the metadata of an image, and how it is stored. */
export interface ImageHeader {
  /** Hex sha256. */
  manifestDigest: string;
  manifest: Buffer;
  /** Hex sha256. */
  metadataDigest: string;
  metadata: Metadata;
  /** Every blob that the canonical manifest lists. Of a packed image: to be closed. */
  blobs: BlobStore;
  /** Undefined for a loose image. */
  packed?: PackedForm;
  /** Whether chunks must be hashed when they are read, because fs-verity cannot anchor them. */
  mustHash: boolean;
}
