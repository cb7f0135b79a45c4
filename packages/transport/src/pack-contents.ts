import type { PackRecord, Place } from "@puzzlefs/format";
import type { WantedChunk } from "./download.ts";
import { isNearlyAll } from "./ranges.ts";

/** The chunks of an image in one of its packs. */
export interface PackContent {
  record: PackRecord;
  chunks: WantedChunk[];
  /** Those that the receiver lacks. */
  missing: WantedChunk[];
}

/** The chunks of each pack. */
export function packContents(
  packs: readonly PackRecord[],
  chunks: Iterable<Place & { digest: string }>,
  isThere: (chunk: WantedChunk) => boolean,
): PackContent[] {
  const found = packs.map((record): PackContent => ({ record, chunks: [], missing: [] }));
  for (const { digest, pack, offset, size } of chunks) {
    const chunk = { digest, offset, size };
    found[pack]?.chunks.push(chunk);
    if (!isThere(chunk)) found[pack]?.missing.push(chunk);
  }
  return found;
}

/**
 * How a receiver that lacks a pack gets its chunks: the `whole` pack, with what no image needs of it; chunks of a pack that is `made` of them and of those
 * that the receiver has; or chunks that are `scattered`, without the pack.
 */
export function wayOf({ record: { size }, chunks, missing }: PackContent): "whole" | "made" | "scattered" {
  const isMade = bytesOf(chunks) === size && missing.length < chunks.length;
  if (!isMade && missing.length > 0 && isNearlyAll(bytesOf(missing), size)) return "whole";
  return isMade ? "made" : "scattered";
}

function bytesOf(chunks: readonly WantedChunk[]): number {
  return chunks.reduce((sum, { size }) => sum + size, 0);
}
