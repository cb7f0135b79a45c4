import { MAX_PACKS, type PackRecord, type Place } from "@puzzlefs/format";
import type { Chunk } from "./walk-order.ts";

/** A pack of the base is kept if at least this part of it is needed. */
export const LIVE = 0.6;
/** Small packs: smaller than the image divided by this. More of them than SMALL_PACKS are packed anew. */
const SMALL_PART = 32;
const SMALL_PACKS = 16;

const MIB = 1 << 20;
const USUAL_PACK = 32 * MIB;
const LARGEST_PACK = 256 * MIB;
/** Images above this have larger packs: one of LARGE_PARTS of the image each. */
const LARGE_IMAGE = 1.5e9;
const LARGE_PARTS = 48;
/** Packs of the largest images, of which there are no more than a manifest may have. */
const MOST_PARTS = 900;

/** The packs of another image, and where its chunks are in them. */
export interface PackSource {
  packs: readonly PackRecord[];
  find(digest: string): Place | undefined;
}

/** How an image is packed. */
export interface PackPlan {
  /** Packs of the base. */
  kept: PackRecord[];
  /** The chunks of each new pack, in walk order. */
  fresh: Chunk[][];
  /** For each chunk of the image, in walk order. The new packs are numbered after those of the base. */
  places: Place[];
}

/** The most stored bytes of a new pack; a single chunk may be larger. */
export function packLimit(imageBytes: number): number {
  const usual = imageBytes > LARGE_IMAGE ? Math.max(USUAL_PACK, Math.ceil(imageBytes / LARGE_PARTS)) : USUAL_PACK;
  return Math.max(Math.min(usual, LARGEST_PACK), Math.ceil(imageBytes / MOST_PARTS));
}

/**
 * Which packs of the base to keep, and which chunks go into new ones. Packs of which less than 60 % are needed are not kept;
 * when more than 16 of the others are smaller than 1/32 of the image, none of these small ones is.
 */
export function planPacks(chunks: readonly Chunk[], base?: PackSource): PackPlan {
  const imageBytes = bytesOf(chunks);
  const kept = base === undefined ? new Map<number, number>() : keptPacks(chunks, base, imageBytes);
  const places: Place[] = [];
  const fresh: Chunk[][] = [];
  const limit = packLimit(imageBytes);
  let end = 0;
  for (const chunk of chunks) {
    const { digest, size } = chunk;
    const known = base?.find(digest);
    const pack = known === undefined ? undefined : kept.get(known.pack);
    if (known !== undefined && pack !== undefined && known.size === size) {
      places.push({ pack, offset: known.offset, size });
      continue;
    }
    if (fresh.length === 0 || (end > 0 && end + size > limit)) {
      fresh.push([]);
      end = 0;
    }
    fresh.at(-1)?.push(chunk);
    places.push({ pack: kept.size + fresh.length - 1, offset: end, size });
    end += size;
  }
  if (base !== undefined && kept.size + fresh.length > MAX_PACKS) return planPacks(chunks);
  return { kept: [...kept.keys()].map((pack) => base?.packs[pack] as PackRecord), fresh, places };
}

/** The number, in the new image, of each pack that is kept, by its number in the base. */
function keptPacks(chunks: readonly Chunk[], base: PackSource, imageBytes: number): Map<number, number> {
  const live = liveBytes(chunks, base);
  const mostly = base.packs.flatMap(({ size }, pack) => {
    const bytes = live.get(pack) ?? 0;
    return bytes > 0 && bytes >= LIVE * size ? [{ pack, isSmall: size * SMALL_PART < imageBytes }] : [];
  });
  const isCrowded = mostly.filter(({ isSmall }) => isSmall).length > SMALL_PACKS;
  const kept = mostly.filter(({ isSmall }) => !(isCrowded && isSmall));
  return new Map(kept.map(({ pack }, number) => [pack, number]));
}

/** Bytes of chunks in each pack. */
export function liveBytes(chunks: readonly Chunk[], { find }: PackSource): Map<number, number> {
  const live = new Map<number, number>();
  for (const { digest } of chunks) {
    const place = find(digest);
    if (place !== undefined) live.set(place.pack, (live.get(place.pack) ?? 0) + place.size);
  }
  return live;
}

export function bytesOf(chunks: readonly Chunk[]): number {
  return chunks.reduce((sum, { size }) => sum + size, 0);
}
