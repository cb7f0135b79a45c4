import type { ImageHeader } from "./image-header.ts";

/** A pack, and what the images that use it need of it. */
export interface PackBytes {
  /** Hex sha256. */
  digest: string;
  /** Stored bytes; of a pack that is not in the store, as the images record it. */
  bytes: number;
  /** Bytes that are chunks of an image. */
  needed: number;
  /** Images that use it. */
  images: number;
  isMissing: boolean;
}

interface Use {
  /** As an image records it. */
  size: number;
  images: number;
  /** Sizes of the slices that an image needs, by offset. */
  slices: Map<number, number>;
}

/** The packs of several images, and the bytes in them that none of these images needs. */
export class PackUse {
  readonly #packs = new Map<string, Use>();

  /** Adds what an image needs; loose ones need no packs. */
  add({ packed }: Pick<ImageHeader, "packed">): void {
    if (packed === undefined) return;
    const { table } = packed;
    const uses = packed.packs.map(({ digest, size }) => {
      const use = this.#packs.get(digest) ?? { size, images: 0, slices: new Map<number, number>() };
      this.#packs.set(digest, use);
      use.images++;
      return use;
    });
    for (let rank = 0; rank < table.chunks; rank++) {
      const { pack, offset, size } = table.at(rank);
      const { slices } = uses[pack] as Use;
      slices.set(offset, Math.max(size, slices.get(offset) ?? 0));
    }
  }

  /** @param sizeOf stored bytes of a blob; undefined: not in the store */
  list(sizeOf: (digest: string) => number | undefined): PackBytes[] {
    return [...this.#packs].map(([digest, { size, images, slices }]) => {
      const stored = sizeOf(digest);
      const bytes = stored ?? size;
      let sum = 0;
      for (const slice of slices.values()) sum += slice;
      // Slices of hostile images may overlap.
      return { digest, bytes, needed: Math.min(sum, bytes), images, isMissing: stored === undefined };
    });
  }
}
