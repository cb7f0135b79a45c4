import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { checkBundleSize, FormatError } from "@puzzlefs/format";
import { IntegrityError } from "@puzzlefs/reader";
import zstd from "zstd-napi/binding.js";

/** As that of bundles. */
const LEVEL = 9;
/** Bytes of dictionary and content: what decoders of zstd accept as a window unless they are configured. */
const MOST_BYTES = 2 ** 27;
/** A patch that is a larger part of the bundle is not worth its request. */
const WORTHWHILE = 0.5;

/**
 * The content of a bundle as a zstd frame with the metadata of another image as its dictionary. Undefined where that is not much smaller
 * than the stored bundle, of `usual` bytes.
 */
export function makePatch(content: Uint8Array, metadata: Uint8Array, usual: number): Buffer | undefined {
  if (content.length + metadata.length > MOST_BYTES) return undefined;
  // Smaller tables index only the end of the dictionary.
  const tables = Math.max(17, log2(metadata.length) - 1);
  const patch = zstdCompressSync(content, {
    dictionary: metadata,
    pledgedSrcSize: content.length,
    params: {
      [constants.ZSTD_c_compressionLevel]: LEVEL,
      [constants.ZSTD_c_windowLog]: log2(content.length + metadata.length),
      [constants.ZSTD_c_hashLog]: tables,
      [constants.ZSTD_c_chainLog]: tables,
    },
  });
  return patch.length <= WORTHWHILE * usual ? patch : undefined;
}

/** The content of a bundle, from its patch. Throws IntegrityError, FormatError about `name`. */
export function applyPatch(patch: Uint8Array, metadata: Uint8Array, name: string): Buffer {
  let size: number | null;
  try {
    size = zstd.getFrameContentSize(patch);
    if (size === null) throw new Error("it does not record its size");
    checkBundleSize(patch.length, size);
    if (size + metadata.length > MOST_BYTES) throw new Error("it needs too large a window");
    const content = zstdDecompressSync(patch, { dictionary: metadata, maxOutputLength: size });
    if (content.length !== size) throw new Error(`${content.length} bytes instead of ${size}`);
    return content;
  } catch (error) {
    if (error instanceof FormatError) throw error.in(name);
    throw new IntegrityError(name, "frame", (error as Error).message, error);
  }
}

/** At least that of zstd's smallest window. */
function log2(value: number): number {
  return Math.max(10, Math.ceil(Math.log2(value)));
}
