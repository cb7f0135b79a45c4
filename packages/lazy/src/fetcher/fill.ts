import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "@puzzlefs/linux";
import type { ChunkWriter } from "./chunk-writer.ts";
import type { ImageFetcher } from "./image-fetcher.ts";
import type { Slots } from "./slots.ts";
import type { ChunkRange } from "./transfer.ts";

/** Bytes of a request, and the same while readers wait. */
const SEGMENT = 1 << 20;
const SMALL_SEGMENT = 256 << 10;
/** Requests that are prepared: as many as connections for them. */
const WORKERS = 4;
const TIMEOUT = 60_000;
/** After a failure, or while the disk is full. */
const PAUSE = 10_000;

/**
 * Fetches all chunks that are missing, in the order of the packs. Goes on after failures until the signal is aborted, which rejects it. Settles
 * when all have been stored.
 */
export async function fillImage(
  fetcher: ImageFetcher,
  writer: ChunkWriter,
  slots: Slots,
  signal: AbortSignal,
  log: (message: string) => void,
): Promise<void> {
  for (;;) {
    const hasAll = await fillOnce(fetcher, writer, slots, signal, log);
    await writer.flush();
    signal.throwIfAborted();
    if (hasAll && isWhole(fetcher)) return;
    await sleep(PAUSE, undefined, { signal });
  }
}

/** Whether all was requested, and none of it failed. */
async function fillOnce(
  fetcher: ImageFetcher,
  writer: ChunkWriter,
  slots: Slots,
  signal: AbortSignal,
  log: (message: string) => void,
): Promise<boolean> {
  let next = 0;
  let hasAll = true;
  const work = async (): Promise<void> => {
    while (next < fetcher.plan.length && hasAll) {
      signal.throwIfAborted();
      await writer.room();
      if (!writer.accepts) {
        hasAll = false;
        return;
      }
      try {
        await slots.background(async () => {
          const range = missingRange(fetcher, next, slots.isBusy ? SMALL_SEGMENT : SEGMENT);
          next = range.end;
          if (range.first < range.end) await fetcher.fill(range, TIMEOUT);
        });
      } catch (error) {
        signal.throwIfAborted();
        hasAll = false;
        log(`in the background: ${messageOf(error)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  return hasAll;
}

/** The next chunks that are missing, at most `bytes` of one blob; empty at the end. */
function missingRange(fetcher: ImageFetcher, from: number, bytes: number): ChunkRange {
  const { plan } = fetcher;
  let first = from;
  while (first < plan.length && fetcher.isKnown(plan.at(first))) first++;
  if (first === plan.length) return { first, end: first };
  const start = plan.at(first);
  let end = first + 1;
  for (; end < plan.length; end++) {
    const chunk = plan.at(end);
    const isInside = chunk.blob === start.blob && chunk.offset + chunk.size - start.offset <= bytes;
    if (!isInside || fetcher.isKnown(chunk)) break;
  }
  return { first, end };
}

function isWhole(fetcher: ImageFetcher): boolean {
  for (let position = 0; position < fetcher.plan.length; position++)
    if (!fetcher.isStored(fetcher.plan.at(position))) return false;
  return true;
}
