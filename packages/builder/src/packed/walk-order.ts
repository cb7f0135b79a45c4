import type { Metadata } from "@puzzlefs/format";
import { visibleInodes } from "@puzzlefs/reader";

/** A chunk of an image. */
export interface Chunk {
  /** Hex sha256 of its blob. */
  digest: string;
  /** Stored bytes. */
  size: number;
  compressed: boolean;
}

/**
 * The chunks of an image in walk order (docs/format.md §6), each where it comes first. `sizeOf` is asked once for each, and
 * throws for a chunk that it does not know.
 */
export function chunksInWalkOrder(metadata: Metadata, sizeOf: (digest: string) => number): Chunk[] {
  const chunks = new Map<string, Chunk>();
  for (const { mode } of visibleInodes(metadata)) {
    if (mode.kind !== "file") continue;
    for (const { blob } of mode.file) {
      const { compressed } = blob;
      const digest = Buffer.from(blob.digest.toUint8Array()).toString("hex");
      const known = chunks.get(digest);
      if (known === undefined) chunks.set(digest, { digest, size: sizeOf(digest), compressed });
      else known.compressed ||= compressed;
    }
  }
  return [...chunks.values()];
}
