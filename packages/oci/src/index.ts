export { digestHex, isHexDigest, sha256, sha256Hex } from "./digests.ts";
export { hasCode, LayoutError, type LayoutFailure } from "./errors.ts";
export { makeDirectories } from "./files.ts";
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
export * from "./native/at-calls.ts";
export * from "./native/descriptors.ts";
export * from "./native/devices.ts";
export { bind, check, SystemError, type NativeArgument } from "./native/library.ts";
export { descriptorPath, nulTerminated, printable, type Path } from "./native/paths.ts";
export { futimens, utimensat, type Timestamp } from "./native/times.ts";
export { enableFsVerity, measureFsVerity, measureFsVerityOf } from "./native/verity.ts";
export { lgetxattr, llistxattr, lremovexattr, lsetxattr } from "./native/xattrs.ts";
export { Transaction, type CommitRequest, type CommitResult, type StagedBlob } from "./transaction.ts";
export { FsVerityHasher, fsVerityDigest } from "./verity-digest.ts";
