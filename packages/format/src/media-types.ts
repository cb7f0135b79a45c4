import * as generated from "./generated/mediatypes.ts";
import type { Bytes } from "./runtime.ts";

const literal = (bytes: Bytes): string => Buffer.from(bytes.toUint8Array()).toString("latin1");

/** Every media type of this format starts with this. */
export const MEDIA_TYPE_PREFIX = literal(generated.mediaTypePrefix());
/** Media type of the metadata blob. */
export const ROOTFS_TYPE = literal(generated.rootfsMediaType());
/** Media type of a blob of content that is not compressed. */
export const CHUNK_TYPE = literal(generated.chunkMediaType());
/** Media type of a blob of content in the zstd seekable format. */
export const COMPRESSED_CHUNK_TYPE = literal(generated.compressedChunkMediaType());
/** Annotation of a layer: the fs-verity digest of its blob, 64 hexadecimal digits. */
export const VERITY_ANNOTATION = literal(generated.verityAnnotation());
/** Media type of the bundle of a packed image. */
export const BUNDLE_TYPE = literal(generated.bundleMediaType());
/** Media type of a pack. */
export const PACK_TYPE = literal(generated.packMediaType());
/** Media type of a pack that containerd takes for a layer. */
export const PACK_LAYER_TYPE = literal(generated.packLayerMediaType());
/** Annotation of a packed manifest: `sha256:` and the digest of the canonical manifest. */
export const CANONICAL_ANNOTATION = literal(generated.canonicalAnnotation());
/** Annotation of a packed manifest: the version of the form. */
export const TRANSPORT_ANNOTATION = literal(generated.transportAnnotation());
/** Media type of the bundle of a packed image as a patch of the metadata of another image. */
export const PATCH_TYPE = literal(generated.patchMediaType());
/** Annotation of a patch: `sha256:` and the digest of that image's canonical manifest. */
export const BASE_ANNOTATION = literal(generated.baseAnnotation());
