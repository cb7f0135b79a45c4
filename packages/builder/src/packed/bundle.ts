import { createRequire } from "node:module";
import {
  chunkLayersStart,
  encodeBundle,
  encodeIndex,
  FormatError,
  MAX_BUNDLE_BYTES,
  MAX_BUNDLE_CONTENT_BYTES,
  type PackRecord,
  type Place,
  type Rootfs,
} from "@puzzlefs/format";
import { LayoutError } from "@puzzlefs/oci";
import { withChunks } from "@puzzlefs/reader";
import type * as zstd from "zstd-napi";
import type { Chunk } from "./walk-order.ts";

/** Measured: level 19 takes ten times as long, and makes bundles 6 % smaller. */
const LEVEL = 9;

/** The parts of a packed image. */
export interface BundleParts {
  metadata: Uint8Array;
  /** The canonical manifest. */
  manifest: Buffer;
  config: Uint8Array;
  packs: readonly PackRecord[];
  /** Of the chunks, in walk order. */
  places: readonly Place[];
}

/** The stored bundle of an image: equal parts, equal bytes. Throws LayoutError (refused) about `path` if it is too large. */
export function makeBundle(parts: BundleParts, path: string): Buffer {
  return compressBundle(bundleContent(parts, path), path);
}

/** The bundle of an image before it is compressed. Throws LayoutError (refused) about `path` if it is too large. */
export function bundleContent({ metadata, manifest, config, packs, places }: BundleParts, path: string): Uint8Array {
  let content: Uint8Array;
  try {
    content = encodeBundle({
      metadata,
      manifest: withoutChunks(manifest),
      config,
      index: encodeIndex(places),
      packs: packs.map(({ digest, verity, size }) => ({
        digest: Buffer.from(digest, "hex"),
        verity: Buffer.from(verity, "hex"),
        size,
      })),
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw tooLarge(path);
  }
  if (content.length > MAX_BUNDLE_CONTENT_BYTES) throw tooLarge(path);
  return content;
}

/** Throws LayoutError (refused) about `path` if it is too large. */
export function compressBundle(content: Uint8Array, path: string): Buffer {
  const { compress } = createRequire(import.meta.url)("zstd-napi") as typeof zstd;
  const stored = compress(content, { compressionLevel: LEVEL });
  if (stored.length > MAX_BUNDLE_BYTES) throw tooLarge(path);
  return stored;
}

function tooLarge(path: string): LayoutError {
  const why = "its metadata is too large for a packed image: at most 512 MiB, 64 MiB compressed";
  return new LayoutError("refused", path, why);
}

/** A canonical manifest without the layers of its chunks. */
function withoutChunks(manifest: Buffer): Buffer {
  const end = chunkLayersStart(manifest);
  return Buffer.concat([manifest.subarray(0, end), manifest.subarray(Math.max(end, manifest.lastIndexOf("]")))]);
}

/**
 * Checks that a manifest can be rebuilt from a bundle: that it lists the metadata blob, then every chunk that files refer to,
 * each once, in ascending order, in the form in which this project writes it; and that the metadata has the fs-verity digests
 * of these chunks. Throws LayoutError (refused).
 */
export function checkCanonical(manifest: Buffer, image: Rootfs, chunks: readonly Chunk[], path: string): void {
  const sorted = chunks.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
  const { fsVerityData } = image;
  let isSame = fsVerityData.length === chunks.length;
  try {
    for (const [rank, { digest }] of sorted.entries())
      isSame &&= Buffer.from(digest, "hex").equals(fsVerityData.at(rank).digest.toUint8Array());
    isSame &&= withChunks(withoutChunks(manifest), sorted).equals(manifest);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    isSame = false;
  }
  if (isSame) return;
  const why = "its manifest is not one that this program writes, so it cannot be rebuilt from a bundle";
  throw new LayoutError("refused", path, `${why}: build the image again, or canonicalize it`);
}
