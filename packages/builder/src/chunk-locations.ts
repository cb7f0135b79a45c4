import type { ChunkValue } from "@puzzlefs/format";

import type { Blob } from "./image-blob.ts";
import type { PackedChunk, PackWriter } from "./pack.ts";
import { packName } from "./pack-file.ts";
import { chunkFlags, type ChunkTable } from "./chunk-table.ts";

/** Where a chunk's bytes are: from `offset` on in the uncompressed stream of `blob`. */
export interface ChunkLocation {
  blob: Blob;
  offset: number;
  compressed: boolean;
  /** The chunk's row of the chunk table, when its blob holds several. */
  row: ChunkValue | undefined;
}

/** The part of PackWriter that is needed here. */
type Packs = Pick<PackWriter, "find" | "packs">;

/** Where the chunks of a finished build are, its base's and its own. */
export class ChunkLocations {
  #chunks: ChunkTable;
  #packs: Packs | undefined;
  /** By record. The locations of the base's chunks, which come first in the table, are given. */
  #locations: (ChunkLocation | undefined)[];
  #packBlobs: (Blob | undefined)[] = [];
  #packedLocations = new Map<PackedChunk, ChunkLocation>();

  constructor(chunks: ChunkTable, packs: Packs | undefined, known: readonly ChunkLocation[]) {
    this.#chunks = chunks;
    this.#packs = packs;
    this.#locations = [...known];
  }

  find(chunk: number): ChunkLocation {
    const original = this.#chunks.original(chunk);
    return (this.#locations[original] ??=
      this.#packs === undefined ? this.#ownBlob(original) : this.#packed(original, this.#packs));
  }

  #ownBlob(chunk: number): ChunkLocation {
    const blob = this.#blobOf(chunk);
    return { blob, offset: 0, compressed: blob.compressed, row: undefined };
  }

  /** Two records of equal content can each be an original, when the later was claimed first; their location is one. */
  #packed(chunk: number, packs: Packs): ChunkLocation {
    const packed = packs.find(this.#chunks.contentDigest(chunk));
    if (packed === undefined) throw new Error(`chunk ${chunk} is in no pack`);
    let location = this.#packedLocations.get(packed);
    if (location === undefined) this.#packedLocations.set(packed, (location = this.#locationInPack(packed, packs)));
    return location;
  }

  #locationInPack(packed: PackedChunk, packs: Packs): ChunkLocation {
    const { pack, offset, length, storedDigest, contentDigest } = packed;
    const blob = (this.#packBlobs[pack] ??= { ...this.#blobOf(packs.packs[pack]), temporary: packName(pack) });
    const { digest, compressed } = blob;
    return {
      blob,
      offset,
      compressed,
      row: { blob: { digest, offset, compressed }, length, storedDigest, contentDigest },
    };
  }

  /** The blob that a record's results describe. */
  #blobOf(record: number): Blob {
    const digest = this.#chunks.storedDigest(record);
    const hex = Buffer.from(digest).toString("hex");
    const flags = this.#chunks.flags(record);
    return {
      digest,
      hex,
      verity: this.#chunks.verity(record),
      size: this.#chunks.storedLength(record),
      compressed: (flags & chunkFlags.compressed) !== 0,
      temporary: flags & chunkFlags.fresh ? hex : undefined,
      replaces: (flags & chunkFlags.replaces) !== 0,
    };
  }
}
