import type { BlobStore } from "./blob-store.ts";
import { digestHex } from "./digests.ts";
import { LayoutError } from "./errors.ts";
import { CONFIG_LIMIT, CONFIG_TYPE, type ImageConfig, parseImageConfig } from "./image-config.ts";
import { configOf, EMPTY_CONFIG } from "./manifest.ts";

/** The configuration of a stored image. */
export interface StoredConfig {
  mediaType: string;
  /** Hex sha256. */
  digest: string;
  /** As the manifest records it. */
  bytes: number;
  /** Null if it is no image configuration. */
  content: ImageConfig | null;
  /** Why it is none, although the media type is that of one. */
  problem?: string;
}

/**
 * The configuration that a manifest names; null for the empty one, and if there is none. `path` of the manifest is for
 * messages. Throws LayoutError: the manifest is no JSON, or the blob is missing or corrupt.
 */
export function readConfig(blobs: Pick<BlobStore, "read">, manifest: Uint8Array, path: string): StoredConfig | null {
  const descriptor = configOf(manifest, path);
  const digest = digestHex(descriptor?.digest ?? "");
  if (descriptor === undefined || digest === undefined || descriptor.digest === EMPTY_CONFIG.digest) return null;
  const stored = { mediaType: descriptor.mediaType, digest, bytes: descriptor.size, content: null };
  if (descriptor.mediaType !== CONFIG_TYPE) return stored;
  const bytes = blobs.read(digest, CONFIG_LIMIT);
  try {
    return { ...stored, content: parseImageConfig(bytes, `config sha256:${digest}`) };
  } catch (error) {
    if (!(error instanceof LayoutError)) throw error;
    return { ...stored, problem: error.message };
  }
}
