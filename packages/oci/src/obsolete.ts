import { FormatError, manifestBlobs, MAX_MANIFEST_BYTES } from "@puzzlefs/format";
import { isSystemError } from "@puzzlefs/linux";
import { LayoutError } from "./errors.ts";
import type { Layout } from "./image-layout.ts";
import { isStaged } from "./staging.ts";

/** What was done about blobs that may be needed no more. */
export interface Removal {
  blobs: number;
  bytes: number;
  /** Why some were left that no image lists. */
  left?: "another writer" | "an image that cannot be read" | "an error";
}

/**
 * Removes blobs that no image of the layout lists. None is removed if there is another writer, which may have found them in
 * the layout and not stored its own, or if an entry of the index cannot be read. The caller holds the layout's lock, and has
 * replaced the index.
 *
 * @param own name of the caller's staging directory
 */
export function removeObsolete(layout: Layout, obsolete: Iterable<string>, own: string): Removal {
  const wanted = new Set(obsolete);
  const removal: Removal = { blobs: 0, bytes: 0 };
  if (wanted.size === 0) return removal;
  try {
    if (isStaged(layout.directory, own)) return { ...removal, left: "another writer" };
    const needed = listedBlobs(layout);
    if (needed === undefined) return { ...removal, left: "an image that cannot be read" };
    for (const digest of wanted) {
      if (needed.has(digest)) continue;
      const size = layout.blobs.size(digest);
      if (size === undefined || !layout.blobs.remove(digest)) continue;
      removal.blobs++;
      removal.bytes += size;
    }
    return removal;
  } catch (error) {
    // The image is complete; unreferenced blobs do no harm.
    if (!isSystemError(error) && !(error instanceof LayoutError)) throw error;
    return { ...removal, left: "an error" };
  }
}

/** Every blob that an image of the layout lists, of any tool, and the manifests; undefined if one cannot be read. */
function listedBlobs(layout: Layout): Set<string> | undefined {
  const listed = new Set<string>();
  for (const { kind, hex } of layout.images()) {
    if (kind === "missing" || kind === "unreadable") return undefined;
    if (hex === undefined || listed.has(hex)) continue;
    listed.add(hex);
    const size = layout.blobs.size(hex);
    if (size === undefined || size > MAX_MANIFEST_BYTES) continue;
    try {
      for (const { digest } of manifestBlobs(layout.blobs.read(hex, MAX_MANIFEST_BYTES)))
        if (digest !== undefined) listed.add(digest);
    } catch (error) {
      // Not a manifest: an index of other tools' images, or an artifact.
      if (!(error instanceof FormatError)) throw error;
      if (kind === "puzzlefs") return undefined;
    }
  }
  return listed;
}
