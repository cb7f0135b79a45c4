/** Media types and annotations of an image's manifest. */
import { text } from "./language.ts";
import type { Bytes } from "./language.ts";

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
