// Code generated from schema/mediatypes.ts by make codegen. DO NOT EDIT.
import { text, type Bytes } from "../runtime.ts";

/** Every media type of this format starts with this. */
export function mediaTypePrefix(): Bytes {
  return text("application/vnd.puzzlefs.image.");
}

/** Media type of the metadata blob. */
export function rootfsMediaType(): Bytes {
  return text("application/vnd.puzzlefs.image.rootfs.v1");
}

/** Media type of a blob of content that is not compressed. */
export function chunkMediaType(): Bytes {
  return text("application/vnd.puzzlefs.image.filedata.v1");
}

/** Media type of a blob of content in the zstd seekable format. */
export function compressedChunkMediaType(): Bytes {
  return text("application/vnd.puzzlefs.image.filedata.v1+zstd");
}

/** Annotation of a layer: the fs-verity digest of its blob, 64 hexadecimal digits. */
export function verityAnnotation(): Bytes {
  return text("io.puzzlefsoci.puzzlefs.puzzlefs_verity_root_hash");
}

/** Media type of the bundle of a packed image. */
export function bundleMediaType(): Bytes {
  return text("application/vnd.puzzlefs.image.rootfs.bundle.v1+zstd");
}

/** Media type of a pack. */
export function packMediaType(): Bytes {
  return text("application/vnd.puzzlefs.pack.v1");
}

/** Media type of a pack that containerd takes for a layer, so that it asks its snapshotter before it fetches it. */
export function packLayerMediaType(): Bytes {
  return text("application/vnd.oci.image.layer.puzzlefs.pack.v1");
}

/** Annotation of a packed manifest: the sha256 of the canonical manifest, as in a descriptor. */
export function canonicalAnnotation(): Bytes {
  return text("io.puzzlefs.image.manifest");
}

/** Annotation of a packed manifest: the version of the form, "1". */
export function transportAnnotation(): Bytes {
  return text("io.puzzlefs.transport");
}

/** Media type of the bundle of a packed image as a patch: a zstd frame with the metadata of another image as its dictionary. */
export function patchMediaType(): Bytes {
  return text("application/vnd.puzzlefs.image.rootfs.bundle.v1.patch+zstd");
}

/** Annotation of a patch: the sha256 of the canonical manifest of that image, as in a descriptor. */
export function baseAnnotation(): Bytes {
  return text("io.puzzlefs.base");
}
