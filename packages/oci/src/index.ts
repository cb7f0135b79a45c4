export { BlobDirectory } from "./blob-directory.ts";
export type { BlobStore, StoredBlob } from "./blob-store.ts";
export { canonicalJson } from "./canonical-json.ts";
export { collectGarbage, collectGarbageAsync, type GarbageOptions } from "./collect-garbage.ts";
export type { Count, GarbageReport } from "./garbage-report.ts";
export { digestHex, isHexDigest, sha256, sha256Hex } from "./digests.ts";
export { LayoutError, systemFailure, type LayoutFailure } from "./errors.ts";
export { parseObject } from "./json.ts";
export { DIRECTORY_MODE, FILE_MODE, writeAll } from "./files.ts";
export { ImageBlobs, type Growth, type ImageShare } from "./image-blobs.ts";
export { platformName, type IndexedImage, type PlatformChoice } from "./image-choice.ts";
export { type BaseRecord, type Descriptor, ImageIndex, type IndexEntry, isIndexType } from "./index-json.ts";
export { hostPlatform, parsePlatform, platformText, rankOf, samePlatform, type Platform } from "./platform.ts";
export { CONFIG_LIMIT, CONFIG_TYPE, parseImageConfig, type ImageConfig } from "./image-config.ts";
export { isObject, parseJson } from "./json.ts";
export { Layout, type Manifest } from "./image-layout.ts";
export {
  forgetLazy,
  forgetWhole,
  lazyChunks,
  lazyImages,
  lazyPlaces,
  lazySource,
  lazyState,
  openLazy,
  ownsLazy,
  recordLazy,
  type LazyChunk,
  type LazySource,
  type LazyState,
} from "./lazy-images.ts";
export { readLayeredImage, type LayerArchive, type LayeredImage } from "./layered-image.ts";
export {
  annotationsOf,
  assembleManifest,
  canonicalOf,
  chunkLayers,
  configOf,
  describeManifest,
  EMPTY_CONFIG,
  isPuzzlefs,
  MANIFEST_TYPE,
  SIGNATURE_TYPE,
  referencedBlobs,
  type ChunkBlob,
  type ConfigBlob,
  type RootfsBlob,
} from "./manifest.ts";
export { MemoryBlob, PackedBlobs, type PackCheck } from "./packed-blobs.ts";
export {
  assemblePacked,
  BOOTSTRAP_FILE,
  bootstrapArchive,
  bootstrapBlob,
  bootstrapImage,
  type BundlePatch,
  MANIFEST_LABEL,
  PACK_LABEL,
  packedChainId,
  type PackedDocuments,
  type PackedPart,
  type RegistryParts,
} from "./packed-manifest.ts";
export { type HeldLock, lockFile, type LockWait, type Waiting } from "./lock.ts";
export type { CommitRequest, CommitResult, StagedBlob } from "./commit-request.ts";
export { isTag } from "./tag.ts";
export { Transaction } from "./transaction.ts";
export { blobsOf, blobsOfEntry, Closure } from "./reachable.ts";
export { repair, type RepairOptions, type RepairReport } from "./repair.ts";
export { compareBlobs, neededOnlyBy, shareOut } from "./shares.ts";
export { readConfig, type StoredConfig } from "./stored-config.ts";
export { Turns } from "./steps.ts";
export { FsVerityHasher, fsVerityDigest } from "./verity-digest.ts";
export { untag } from "./untag.ts";
export { originalName } from "./staging.ts";
export {
  signatureManifest,
  signaturesOf,
  storeSignature,
  type StoredSignature,
  verifyStoredSignature,
} from "./image-signatures.ts";
export {
  MINISIGN_LIMIT,
  parsePublicKey,
  parseSignature,
  type PublicKey,
  SignatureError,
  verifySignature,
} from "./minisign.ts";
export { openSecretKey, parseSecretKey, type SecretKey, secretKeyId, signMessage } from "./minisign-secret.ts";
