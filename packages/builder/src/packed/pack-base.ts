import { FormatError, type PlaceTable } from "@puzzlefs/format";
import { type Layout, LayoutError, type PackedBlobs, type PlatformChoice } from "@puzzlefs/oci";
import { type ImageHeader, IntegrityError, readHeader } from "@puzzlefs/reader";
import { liveBytes, type PackSource } from "./pack-plan.ts";
import type { Chunk } from "./walk-order.ts";

/** Images that are looked at: those of the last entries of the index. */
const MOST_LOOKED_AT = 16;

/** A packed image whose packs may be kept. */
export interface PackBase extends PackSource {
  /** sha256 of the canonical manifest, hex. */
  manifest: string;
}

/** The packs of an image; undefined if it is loose. Throws LayoutError, FormatError, IntegrityError. */
export function openPackBase(layout: Layout, reference: string, choice: PlatformChoice = {}): PackBase | undefined {
  return baseOf(layout, readHeader(layout, reference, choice));
}

/**
 * The packed image, of the last ones in the index, that has most bytes of these chunks; of several, the last. Undefined if none
 * has any. Images that are damaged are passed over, and `warn` is called.
 */
export function choosePackBase(
  layout: Layout,
  chunks: readonly Chunk[],
  warn: (message: string) => void,
): PackBase | undefined {
  let best: { base: PackBase; bytes: number } | undefined;
  for (const hex of packedImages(layout)) {
    try {
      const base = baseOf(layout, readHeader(layout, hex));
      if (base === undefined) continue;
      const bytes = [...liveBytes(chunks, base).values()].reduce((sum, live) => sum + live, 0);
      if (bytes > (best?.bytes ?? 0)) best = { base, bytes };
    } catch (error) {
      if (!(error instanceof LayoutError || error instanceof IntegrityError || error instanceof FormatError))
        throw error;
      warn(`its packs are not reused: ${error.message}`);
    }
  }
  return best?.base;
}

/** Undefined for a loose image. A pack that the layout lacks is not among its packs. */
function baseOf(layout: Layout, { packed, blobs, manifestDigest }: ImageHeader): PackBase | undefined {
  if (packed === undefined) return undefined;
  using opened = blobs as PackedBlobs;
  const { table } = opened;
  const isPresent = table.packs.map(({ digest, size }) => layout.blobs.size(digest) === size);
  return { manifest: manifestDigest, packs: table.packs, find: (digest) => presentPlace(table, isPresent, digest) };
}

function presentPlace(
  table: PlaceTable,
  isPresent: readonly boolean[],
  digest: string,
): ReturnType<PlaceTable["find"]> {
  const place = table.find(digest);
  return place !== undefined && isPresent[place.pack] ? place : undefined;
}

/** Stored manifests (hex) of packed images, those of the last entries first. */
function packedImages(layout: Layout): string[] {
  const packed = layout
    .images()
    .flatMap(({ hex, canonical }) => (hex !== undefined && canonical !== undefined ? [hex] : []));
  return [...new Set(packed.toReversed())].slice(0, MOST_LOOKED_AT);
}
