import { collectGarbage, type Layout, LayoutError } from "@puzzlefs/oci";
import type { StoredImage } from "./stored-image.ts";

/** What was done about the blobs of an image's earlier form. */
export interface Removal {
  blobs: number;
  bytes: number;
  /** Why some were left that no entry of index.json needs. */
  left?: string;
}

/**
 * Removes the blobs of an image's earlier form that nothing needs any more, as gc does: none that an image in use needs, and what
 * builds at work may rely on is set aside. `mounted` returns the manifests of the driver's mounts.
 */
export function removeFormer(layout: Layout, { files }: StoredImage, mounted?: () => Iterable<string>): Removal {
  try {
    const options = { grace: 0, only: new Set(files), ...(mounted !== undefined && { mounted }) };
    const { freed, pending, inUse } = collectGarbage(layout, options);
    if (pending.blobs > 0) return { ...freed, left: "builds at work may rely on them" };
    return inUse.blobs > 0 ? { ...freed, left: "an image in use needs them" } : freed;
  } catch (error) {
    // The image has its new form; blobs that no entry needs do no harm.
    if (!(error instanceof LayoutError)) throw error;
    return { blobs: 0, bytes: 0, left: error.message };
  }
}
