import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "@puzzlefs/linux";
import { sha256Hex } from "@puzzlefs/oci";
import { RegistryError, type RegistryFailure, type RepositoryAccess } from "@puzzlefs/registry";
import type { ChunkPlan, RemoteChunk } from "../chunk-plan.ts";

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 8000;
/** A chunk that arrives with wrong bytes is requested so often. */
const MOST_WRONG = 3;

/** Failures that another attempt does not change. */
const FINAL = new Set<RegistryFailure>([
  "reference",
  "configuration",
  "blocked",
  "denied",
  "absent",
  "missing",
  "refused",
  "tls",
]);

/** Chunks of one blob that are neighbours, by their positions in a plan: from `first` up to but not including `end`. */
export interface ChunkRange {
  first: number;
  end: number;
}

export interface TransferTarget {
  /** Whether this chunk is still wanted. */
  isWanted(chunk: RemoteChunk): boolean;
  /** A chunk that has its digest, wanted or not. */
  arrived(chunk: RemoteChunk, bytes: Buffer): void;
  /** The blob is on its way as a whole until this settles. */
  wholeOf(blob: string): Promise<void> | undefined;
  /** The registry ignores ranges, and all of the blob is on its way until `done` settles. */
  whole(blob: string, done: Promise<void>): void;
}

/**
 * Fetches the chunks of a range that are wanted, and checks their digests. Tries again, with longer and longer pauses, until `deadline`
 * (of performance.now()), but while the blob is on its way as a whole: then as long as bytes arrive. Throws Error with the chunk, the registry and the reason.
 */
export async function transfer(
  repository: RepositoryAccess,
  plan: ChunkPlan,
  range: ChunkRange,
  target: TransferTarget,
  deadline: number,
  signal: AbortSignal,
): Promise<void> {
  const wrong = new Map<string, number>();
  for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    const left = wantedPart(plan, range, target);
    if (left === undefined) return;
    let failure: unknown;
    const limit = new AbortController();
    const late = (): void => limit.abort(new Error("no answer in time"));
    const timer = setTimeout(late, Math.max(1, Math.ceil(deadline - performance.now())));
    try {
      const either = AbortSignal.any([signal, limit.signal]);
      await request(repository, plan, left, target, wrong, either, () => clearTimeout(timer));
      const bad = [...wrong].find(([, count]) => count >= MOST_WRONG);
      if (bad === undefined) continue;
      throw new Error(`${MOST_WRONG} times it had other bytes than sha256:${bad[0]}`);
    } catch (error) {
      signal.throwIfAborted();
      failure = error;
    } finally {
      clearTimeout(timer);
    }
    const isFinal =
      failure instanceof RegistryError
        ? FINAL.has(failure.kind)
        : [...wrong.values()].some((count) => count >= MOST_WRONG);
    if (isFinal || performance.now() + pause >= deadline) {
      const first = plan.at(left.first);
      const what =
        first.blob === first.digest
          ? `blob sha256:${first.blob}`
          : `bytes ${first.offset} to ${first.offset + first.size} of pack sha256:${first.blob}`;
      throw new Error(`${what} from ${repository.name}: ${messageOf(failure)}`, { cause: failure });
    }
    await sleep(pause, undefined, { signal });
  }
}

/** The range from the first chunk that is wanted to the last; undefined if none is. */
function wantedPart(plan: ChunkPlan, { first, end }: ChunkRange, target: TransferTarget): ChunkRange | undefined {
  let from = first;
  while (from < end && !target.isWanted(plan.at(from))) from++;
  let to = end;
  while (to > from && !target.isWanted(plan.at(to - 1))) to--;
  return from === to ? undefined : { first: from, end: to };
}

async function request(
  repository: RepositoryAccess,
  plan: ChunkPlan,
  range: ChunkRange,
  target: TransferTarget,
  wrong: Map<string, number>,
  signal: AbortSignal,
  isWhole: () => void,
): Promise<void> {
  const first = plan.at(range.first);
  let last = first;
  let end = 0;
  for (let position = range.first; position < range.end; position++) {
    last = plan.at(position);
    end = Math.max(end, last.offset + last.size);
  }
  const { blob, blobSize } = first;
  const answer = await repository.blob(`sha256:${blob}`, {
    size: blobSize,
    start: first.offset,
    end,
    preferRange: true,
    signal,
  });
  if (!answer.whole) return receive(answer, plan, range, target, wrong);
  isWhole();
  const other = target.wholeOf(blob);
  if (other !== undefined) {
    answer.stream.destroy();
    return other;
  }
  const all = wholeBlob(plan, range);
  const done = receive(answer, plan, all, target, wrong);
  target.whole(
    blob,
    done.catch(() => undefined),
  );
  return done;
}

/** All chunks of the blob that a range is in. */
function wholeBlob(plan: ChunkPlan, range: ChunkRange): ChunkRange {
  const { blob } = plan.at(range.first);
  let { first, end } = range;
  while (first > 0 && plan.at(first - 1).blob === blob) first--;
  while (end < plan.length && plan.at(end).blob === blob) end++;
  return { first, end };
}

/** Cuts a stream into chunks. Chunks that overlap others, as in hostile tables, are left to another request. */
async function receive(
  { stream, start }: { stream: AsyncIterable<unknown>; start: number },
  plan: ChunkPlan,
  { first, end }: ChunkRange,
  target: TransferTarget,
  wrong: Map<string, number>,
): Promise<void> {
  let position = start;
  let next = first;
  let parts: Buffer[] = [];
  /** Of `parts`, from the chunk's first byte. */
  let collected = 0;
  for await (const part of stream as AsyncIterable<Buffer>) {
    let at = 0;
    while (next < end) {
      const chunk = plan.at(next);
      if (chunk.offset < position + at - collected) {
        next++;
        continue;
      }
      const begin = Math.max(at, chunk.offset + collected - position);
      if (begin >= part.length) break;
      const piece = part.subarray(begin, Math.min(part.length, begin + chunk.size - collected));
      parts.push(piece);
      collected += piece.length;
      at = begin + piece.length;
      if (collected < chunk.size) break;
      const bytes = parts.length === 1 ? Buffer.from(parts[0] as Buffer) : Buffer.concat(parts);
      if (sha256Hex(bytes) === chunk.digest) target.arrived(chunk, bytes);
      else wrong.set(chunk.digest, (wrong.get(chunk.digest) ?? 0) + 1);
      parts = [];
      collected = 0;
      next++;
    }
    position += part.length;
  }
}
