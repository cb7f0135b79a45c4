import { FormatError, type PlaceTable } from "@puzzlefs/format";
import { type BlobStore, type Layout, LayoutError, PackedBlobs, type PlatformChoice } from "@puzzlefs/oci";
import { IntegrityError, readHeader } from "@puzzlefs/reader";
import { hashBlob } from "../hash-blob.ts";
import { bytesOf, liveBytes, type PackSource } from "./pack-plan.ts";
import type { Chunk } from "./walk-order.ts";

/** Images that are looked at: those of the last entries of the index. */
const MOST_LOOKED_AT = 16;
/** An image that has this part of the chunks is taken without a look at others. */
const ENOUGH = 0.6;

/** A packed image that is open. */
interface Packed extends PackSource {
  blobs: PackedBlobs;
}

/**
 * Packed images of a layout, for a new one: their packs may be kept, and their chunks are not stored again. gc keeps what is open here
 * until this is disposed of.
 */
export class KnownPacks implements Disposable {
  readonly #layout: Layout;
  readonly #warn: (message: string) => void;
  readonly #verify: boolean;
  readonly #opened = new DisposableStack();
  readonly #images: Packed[] = [];
  /** Stored manifests (hex) that were looked at. */
  readonly #seen = new Set<string>();
  /** The image whose packs are kept; undefined: the one that has most. */
  #base: Packed | undefined;

  /**
   * @param warn is called for damaged images, which are passed over
   * @param verify read the packs before they are kept
   */
  constructor(layout: Layout, warn: (message: string) => void = () => {}, verify = false) {
    this.#layout = layout;
    this.#warn = warn;
    this.#verify = verify;
  }

  [Symbol.dispose](): void {
    this.#opened[Symbol.dispose]();
  }

  /** Adds an image that the caller has open, if it is packed. With `isBase` its packs are kept and no others. */
  add(blobs: BlobStore | undefined, isBase: boolean): void {
    if (!(blobs instanceof PackedBlobs)) return;
    const image = this.#imageOf(blobs);
    this.#images.push(image);
    if (isBase) this.#base = image;
  }

  /** Opens an image, and keeps its packs and no others. False if it is not packed. Throws LayoutError, FormatError, IntegrityError. */
  openBase(reference: string, choice: PlatformChoice): boolean {
    this.#base = this.#read(reference, choice);
    return this.#base !== undefined;
  }

  /** Opens the packed image to which the next one is probably similar: that of a tag, or else the last one. */
  openLikely(tag: string, choice: PlatformChoice): void {
    if (this.#base !== undefined) return;
    const packed = packedImages(this.#layout);
    const current = this.#digestOf(tag, choice);
    const [likely] = packed.filter((hex) => hex === current).concat(packed);
    if (likely !== undefined) this.#open(likely);
  }

  /** Opens images, the last of the index first, until `isEnough` returns true or so many have been looked at. */
  openOthers(isEnough: () => boolean): void {
    for (const hex of packedImages(this.#layout).slice(0, MOST_LOOKED_AT)) {
      if (isEnough()) return;
      this.#open(hex);
    }
  }

  /** The packs of each image that is open. */
  get sources(): readonly PackSource[] {
    return this.#images;
  }

  get isEmpty(): boolean {
    return this.#images.length === 0;
  }

  /** Whether the layout has packed images that are not open. */
  get hasOthers(): boolean {
    return packedImages(this.#layout).length > this.#images.length;
  }

  /** The bytes of a chunk that a pack has; undefined if none of the open images has it. */
  size(digest: string): number | undefined {
    for (const { find } of this.#images) {
      const place = find(digest);
      if (place !== undefined) return place.size;
    }
    return undefined;
  }

  /** The image that has a chunk in a pack. */
  storeOf(digest: string): BlobStore | undefined {
    return this.#images.find(({ find }) => find(digest) !== undefined)?.blobs;
  }

  /**
   * The image whose packs to keep: the base, or the one that has most bytes of these chunks; of several, the last in the index. Others than
   * the open ones are looked at only while none has most of them. Undefined if none has any.
   */
  choose(chunks: readonly Chunk[]): PackSource | undefined {
    if (this.#base !== undefined) return this.#base;
    let best: { image: Packed; bytes: number } | undefined;
    const enough = ENOUGH * bytesOf(chunks);
    const look = (image: Packed): void => {
      const bytes = [...liveBytes(chunks, image).values()].reduce((sum, live) => sum + live, 0);
      if (bytes > (best?.bytes ?? 0)) best = { image, bytes };
    };
    for (const image of this.#images) look(image);
    for (const hex of packedImages(this.#layout).slice(0, MOST_LOOKED_AT)) {
      if ((best?.bytes ?? 0) >= enough) break;
      const image = this.#open(hex);
      if (image !== undefined) look(image);
    }
    return best?.image;
  }

  #digestOf(tag: string, choice: PlatformChoice): string | undefined {
    try {
      return this.#layout.manifest(tag, choice).digest;
    } catch (error) {
      if (error instanceof LayoutError) return undefined;
      throw error;
    }
  }

  /** Undefined where it was looked at, is not packed, or is damaged. */
  #open(hex: string): Packed | undefined {
    if (this.#seen.has(hex)) return undefined;
    this.#seen.add(hex);
    try {
      return this.#read(hex);
    } catch (error) {
      if (!(error instanceof LayoutError || error instanceof IntegrityError || error instanceof FormatError))
        throw error;
      this.#warn(`its packs are not reused: ${error.message}`);
      return undefined;
    }
  }

  /** Undefined where it is not packed. */
  #read(reference: string, choice: PlatformChoice = {}): Packed | undefined {
    const { digest } = this.#opened.use(this.#layout.use(reference, choice));
    const { packed, blobs } = readHeader(this.#layout, digest);
    if (packed === undefined) return undefined;
    const image = this.#imageOf(this.#opened.use(blobs as PackedBlobs));
    this.#images.push(image);
    return image;
  }

  /** A pack that the layout lacks is not among its packs. */
  #imageOf(blobs: PackedBlobs): Packed {
    const { table } = blobs;
    const isPresent = table.packs.map(({ digest, size }) =>
      this.#verify ? hashBlob(this.#layout.blobs, digest)?.length === size : this.#layout.blobs.size(digest) === size,
    );
    return { blobs, packs: table.packs, find: (digest) => presentPlace(table, isPresent, digest) };
  }
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
  return [...new Set(packed.toReversed())];
}
