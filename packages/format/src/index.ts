export { FormatError } from "./errors.ts";
export type { FailureKind } from "./errors.ts";
export { ZERO_BLOB_DIGEST } from "./holes.ts";
export { kindOfMode } from "./inode-kinds.ts";
export type { InodeKind } from "./inode-kinds.ts";
export * from "./media-types.ts";
export type { Metadata, RecordedMetadata, WholeMetadata } from "./metadata.ts";
export {
  checkMetadataHeader,
  manifestBlobs,
  METADATA_HEADER_BYTES,
  openMetadata,
  openRecordedMetadata,
  readManifest,
} from "./open.ts";
export type { ManifestBlob, MetadataDescriptor } from "./open.ts";
export {
  chunkLayersStart,
  encodeIndex,
  isPackedManifest,
  isPlaceTable,
  openBundle,
  type PackedManifest,
  type PackRecord,
  PlaceTable,
  type PlacedChunk,
  readBundleIndex,
  readPackedManifest,
} from "./packed.ts";
export { Bytes, U53_END } from "./runtime.ts";
export { checkBundleSize, MAX_BUNDLE_BYTES, MAX_BUNDLE_CONTENT_BYTES, MAX_PACKS } from "./generated/bundle.ts";
export { MAX_METADATA_BYTES } from "./generated/wire.ts";
export { MAX_PLACE_TABLE_BYTES, PLACE_HEAD_BYTES, PLACE_MAGIC } from "./generated/places.ts";
export type { Place } from "./generated/places.ts";
export { StructList } from "./struct-list.ts";
export * from "./generated/content.ts";
export * from "./generated/device.ts";
export { DIGEST_BYTES, HEX_DIGITS, VERITY_BLOCK_BYTES } from "./generated/digest.ts";
export * from "./generated/directories.ts";
export * from "./generated/filetypes.ts";
export * from "./generated/layers.ts";
export { MAX_MANIFEST_BYTES } from "./generated/manifest.ts";
export * from "./generated/metadata.ts";
export { MAX_NAME_BYTES, MAX_TARGET_BYTES } from "./generated/names.ts";
export * from "./generated/recorded.ts";
export * from "./generated/rules.ts";
export * from "./generated/seektable.ts";
export { MANIFEST_VERSION, MAX_XATTR_NAMES_BYTES, MAX_XATTR_VALUE_BYTES } from "./generated/validate.ts";
export * from "./generated/writer.ts";
export { ListEncoder } from "./writer.ts";
