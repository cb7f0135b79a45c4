import type { Blob } from "./image-blob.ts";
import { chunkFlags, type ChunkTable } from "./chunk-table.ts";

/** The blobs that the records of a finished build describe: equal chunks have one, and the base's are given. */
export class ChunkBlobs {
  #chunks: ChunkTable;
  /** By record; those of the base come first. */
  #blobs: (Blob | undefined)[];

  constructor(chunks: ChunkTable, known: readonly (Blob | undefined)[]) {
    this.#chunks = chunks;
    this.#blobs = [...known];
  }

  find(chunk: number): Blob {
    const original = this.#chunks.original(chunk);
    return (this.#blobs[original] ??= this.#blobOf(original));
  }

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
