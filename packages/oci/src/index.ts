export { BlobDirectory } from "./blob-directory.ts";
export { digestHex, isHexDigest, sha256, sha256Hex } from "./digests.ts";
export { LayoutError, systemFailure, type LayoutFailure } from "./errors.ts";
export { DIRECTORY_MODE, FILE_MODE, isSame } from "./files.ts";
export { type Descriptor, type ImageIndex, type Platform } from "./index-json.ts";
export { CONFIG_LIMIT, CONFIG_TYPE, parseImageConfig, type ImageConfig } from "./image-config.ts";
export { Layout, type Manifest, type TaggedImage } from "./layout.ts";
export {
  assembleManifest,
  CHUNK_TYPE,
  configOf,
  EMPTY_CONFIG,
  MANIFEST_LIMIT,
  MANIFEST_TYPE,
  referencedBlobs,
  ROOTFS_TYPE,
  VERITY_ANNOTATION,
  type ChunkBlob,
  type ConfigBlob,
  type RootfsBlob,
} from "./manifest.ts";
export { type LockWait, type Waiting } from "./lock.ts";
export { Transaction, type CommitRequest, type CommitResult, type StagedBlob } from "./transaction.ts";
export { FsVerityHasher, fsVerityDigest } from "./verity-digest.ts";
