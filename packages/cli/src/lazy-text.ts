import { escapeText } from "@puzzlefs/linux";
import type { LazyState } from "@puzzlefs/oci";
import { formatBytes, formatCount, formatCountOf } from "./terminal/quantities.ts";

/** What a lazy image lacks, and where it is. */
export function lazyText(state: LazyState, source: string): string {
  const { chunks, missingChunks, missingBytes } = state;
  if (missingChunks === 0)
    return `lazy: all of its ${formatCountOf(chunks, "chunk")} have been fetched from ${escapeText(source)}`;
  const count = `${formatCount(missingChunks)} of ${formatCountOf(chunks, "chunk")}`;
  return `lazy: ${count}, ${formatBytes(missingBytes)}, have not been fetched yet from ${escapeText(source)}`;
}
