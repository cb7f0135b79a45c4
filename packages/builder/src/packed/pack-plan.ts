import { MAX_PACKS, type PackRecord, type Place } from "@puzzlefs/format";
import type { Chunk } from "./walk-order.ts";

/** Bytes of kept packs that the image does not need, at most: this part of the image. */
const MOST_DEAD = 0.25;
/** Small packs: smaller than the image divided by this. More of them than SMALL_PACKS are packed anew. */
const SMALL_PART = 32;
const SMALL_PACKS = 16;

const MIB = 1 << 20;
const USUAL_PACK = 32 * MIB;
/**
 * A small image has so many packs: of one large pack, versions soon need too little to keep it, and what they do need is packed
 * again while older versions keep the whole.
 */
const FIRST_PACKS = 10;
const SMALLEST_PACK = 4 * MIB;
/** Packs of versions are larger once an image has so many. */
const MANY_PACKS = 16;
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
  /** The chunks of each new pack: in walk order those that the base has, then the others. */
  fresh: Chunk[][];
  /** For each chunk of the image, in walk order. The new packs are numbered after those of the base. */
  places: Place[];
}

/**
 * The most stored bytes of a new pack; a single chunk may be larger.
 *
 * @param newBytes of the chunks that go into new packs
 * @param kept number of packs of the base
 */
export function packLimit(imageBytes: number, newBytes = imageBytes, kept = 0): number {
  const few = Math.max(imageBytes / FIRST_PACKS, newBytes / Math.max(1, MANY_PACKS - kept), SMALLEST_PACK);
  const usual = imageBytes > LARGE_IMAGE ? Math.max(USUAL_PACK, imageBytes / LARGE_PARTS) : Math.min(few, USUAL_PACK);
  return Math.ceil(Math.max(Math.min(usual, LARGEST_PACK), imageBytes / MOST_PARTS));
}

/**
 * Which packs of the base to keep, and which chunks go into new ones. Packs are kept, those of which the largest part is needed
 * first, until what is not needed of them is a quarter of the image; when more than 16 of them are smaller than 1/32 of the image,
 * none of these small ones is. Chunks of the base that are packed anew come before those that it does not have.
 */
export function planPacks(chunks: readonly Chunk[], base?: PackSource): PackPlan {
  const imageBytes = bytesOf(chunks);
  const kept = base === undefined ? new Map<number, number>() : keptPacks(chunks, base, imageBytes);
  const fresh: Chunk[][] = [];
  const keptPlace = ({ digest, size }: Chunk): Place | undefined => {
    const known = base?.find(digest);
    const pack = known === undefined ? undefined : kept.get(known.pack);
    return known === undefined || pack === undefined || known.size !== size ? undefined : { ...known, pack };
  };
  const known = chunks.map(keptPlace);
  const places = [...known];
  const limit = packLimit(imageBytes, bytesOf(chunks.filter((_, index) => known[index] === undefined)), kept.size);
  let end = 0;
  const add = (isKnown: boolean): void => {
    for (const [index, chunk] of chunks.entries()) {
      const { size } = chunk;
      if (known[index] !== undefined || (base?.find(chunk.digest) !== undefined) !== isKnown) continue;
      if (fresh.length === 0 || (end > 0 && end + size > limit)) {
        fresh.push([]);
        end = 0;
      }
      fresh.at(-1)?.push(chunk);
      places[index] = { pack: kept.size + fresh.length - 1, offset: end, size };
      end += size;
    }
  };
  // What receivers of the base lack is in one piece then.
  add(true);
  add(false);
  if (base !== undefined && kept.size + fresh.length > MAX_PACKS) return planPacks(chunks);
  return { kept: [...kept.keys()].map((pack) => base?.packs[pack] as PackRecord), fresh, places: places as Place[] };
}

/** The number, in the new image, of each pack that is kept, by its number in the base. */
function keptPacks(chunks: readonly Chunk[], base: PackSource, imageBytes: number): Map<number, number> {
  const live = liveBytes(chunks, base);
  const needed = base.packs.flatMap(({ size }, pack) => {
    const bytes = live.get(pack) ?? 0;
    return bytes === 0
      ? []
      : [{ pack, dead: size - bytes, part: bytes / size, isSmall: size * SMALL_PART < imageBytes }];
  });
  needed.sort((one, other) => other.part - one.part || one.pack - other.pack);
  let dead = 0;
  const mostly = needed.filter((each) => (dead += each.dead) <= MOST_DEAD * imageBytes);
  mostly.sort((one, other) => one.pack - other.pack);
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
