import {
  FormatError,
  isPlaceTable,
  MAX_MANIFEST_BYTES,
  MAX_PLACE_TABLE_BYTES,
  PLACE_HEAD_BYTES,
  PlaceTable,
} from "@puzzlefs/format";
import type { BlobDirectory } from "./blob-directory.ts";
import { LayoutError } from "./errors.ts";
import { isPuzzlefs } from "./manifest.ts";
import { blobsOf, startsDocument } from "./reachable.ts";

/** A blob by which images are mounted: a manifest, or for the kernel driver the place table of a packed image. */
export interface Mountable {
  /** The digests (hex) by which lists of mounts name the image. */
  names: string[];
  /** What a mount by it needs; the blob itself is among them. */
  needs: () => Iterable<string>;
}

/** Undefined for other blobs, and for damaged ones: no reader accepts them. */
export function mountableOf(blobs: BlobDirectory, digest: string): Mountable | undefined {
  try {
    const size = blobs.size(digest) ?? Infinity;
    if (size > MAX_PLACE_TABLE_BYTES) return undefined;
    const head = blobs.head(digest, PLACE_HEAD_BYTES);
    if (size <= MAX_MANIFEST_BYTES && startsDocument(head)) {
      const isImage = isPuzzlefs(blobs.read(digest, MAX_MANIFEST_BYTES));
      return isImage ? { names: [digest], needs: () => blobsOfDocument(blobs, digest) } : undefined;
    }
    if (!isPlaceTable(head)) return undefined;
    const { manifest, metadata, packs } = new PlaceTable(blobs.read(digest, MAX_PLACE_TABLE_BYTES));
    return { names: [digest, manifest], needs: () => [digest, metadata, ...packs.map((pack) => pack.digest)] };
  } catch (error) {
    if (!(error instanceof LayoutError || error instanceof FormatError)) throw error;
    return undefined;
  }
}

/** Nothing but itself where it is damaged: no reader gets further than that. */
export function blobsOfDocument(blobs: BlobDirectory, digest: string): Iterable<string> {
  try {
    return blobsOf(blobs, digest);
  } catch (error) {
    if (!(error instanceof LayoutError)) throw error;
    return [digest];
  }
}
