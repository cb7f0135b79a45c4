import { createHash, type Hash } from "node:crypto";
import { IntegrityError } from "@puzzlefs/reader";
import { type BlobBytes, RegistryError, type RepositoryAccess } from "@puzzlefs/registry";
import { joinSlices, type Slice, type SliceRange } from "./ranges.ts";

const CONNECTIONS = 6;
/** Another source is tried before a blob is received as a whole that is larger than this, and of which a smaller part is wanted. */
const LARGE = 8 * 2 ** 20;
const SMALL_PART = 0.25;

/** A chunk that is to be received. */
export interface WantedChunk extends Slice {
  /** Hex. */
  digest: string;
}

/** Where the bytes of a blob go. */
export interface Sink {
  /** All bytes as they arrive, with their position in the blob. They are not checked. */
  receive?(bytes: Uint8Array, position: number): void;
  /** A chunk begins, perhaps again after it had other bytes. */
  begin?(chunk: WantedChunk): ChunkSink;
  /** A chunk has arrived, and has its digest. */
  arrived?(chunk: WantedChunk): void;
}

export interface ChunkSink {
  write(bytes: Uint8Array): void;
  /** All bytes were written; `isRight`: they have the digest. */
  end(isRight: boolean): void;
}

/** A blob of which chunks are to be received. */
export interface Download {
  /** Hex. */
  digest: string;
  size: number;
  /** For messages: "pack", "blob". */
  kind: string;
  chunks: readonly WantedChunk[];
  /** All of its bytes are wanted, not the chunks alone. */
  isWhole: boolean;
  sink: Sink;
}

export interface DownloadOptions {
  signal: AbortSignal;
  /** Called with the number of bytes that were received since the last call. */
  received(bytes: number): void;
}

interface State extends Download {
  /** Chunks that are right. */
  done: Set<WantedChunk>;
  /** Where the wrong bytes of a chunk were from. */
  wrong: Map<WantedChunk, string>;
  /** The whole blob is on its way although a range was requested. */
  whole?: Promise<void>;
}

/**
 * Receives chunks of blobs, those of the blob with most first, over several connections; each chunk is hashed as it arrives. A chunk
 * that is wrong is requested once more. Throws IntegrityError, RegistryError, what sinks throw, and the reason of the signal; then
 * nothing is under way any more.
 */
export async function download(
  repository: RepositoryAccess,
  downloads: readonly Download[],
  options: DownloadOptions,
): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const states = downloads.map((each): State => ({ ...each, done: new Set(), wrong: new Map() }));
  const jobs = states.toSorted((one, other) => wantedBytes(other) - wantedBytes(one)).flatMap(jobsOf);
  const work = async (): Promise<void> => {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
      signal.throwIfAborted();
      await perform(repository, job, { ...options, signal });
    }
  };
  const workers = Array.from({ length: Math.min(CONNECTIONS, jobs.length) }, work);
  try {
    await Promise.all(workers);
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(workers);
    throw error;
  }
}

interface Job {
  state: State;
  range: SliceRange<WantedChunk>;
}

function jobsOf(state: State): Job[] {
  return rangesOf(state).map((range) => ({ state, range }));
}

/** The requests for what is wanted of a blob. */
export function rangesOf({
  chunks,
  size,
  isWhole,
}: Pick<Download, "chunks" | "size" | "isWhole">): SliceRange<WantedChunk>[] {
  const sorted = chunks.toSorted((one, other) => one.offset - other.offset);
  return isWhole ? [{ start: 0, end: size, slices: sorted }] : joinSlices(chunks, size);
}

/** Bytes that are wanted of a blob. */
export function wantedBytes({ chunks, size, isWhole }: Download): number {
  return isWhole ? size : chunks.reduce((sum, chunk) => sum + chunk.size, 0);
}

async function perform(repository: RepositoryAccess, { state, range }: Job, options: DownloadOptions): Promise<void> {
  if (state.whole !== undefined) await state.whole;
  if (!state.isWhole && remaining(state, range.slices).length === 0) return;
  await request(repository, state, range, options);
  for (const chunk of remaining(state, range.slices)) {
    const { offset, size } = chunk;
    await requestAgain(repository, state, chunk, options);
    if (state.done.has(chunk)) continue;
    const where = `bytes ${offset} to ${offset + size} of ${state.kind} sha256:${state.digest} in ${repository.name}`;
    throw new IntegrityError(`blob sha256:${chunk.digest}`, "digest", where);
  }
}

function remaining({ done }: State, chunks: readonly WantedChunk[]): WantedChunk[] {
  return chunks.filter((chunk) => !done.has(chunk));
}

/** From another source if there is one. */
async function requestAgain(
  repository: RepositoryAccess,
  state: State,
  chunk: WantedChunk,
  options: DownloadOptions,
): Promise<void> {
  const range = { start: chunk.offset, end: chunk.offset + chunk.size, slices: [chunk] };
  const source = state.wrong.get(chunk);
  if (source !== undefined) {
    try {
      return await request(repository, state, range, options, [source]);
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
    }
  }
  await request(repository, state, range, options);
}

async function request(
  repository: RepositoryAccess,
  state: State,
  { start, end, slices }: SliceRange<WantedChunk>,
  options: DownloadOptions,
  without: readonly string[] = [],
): Promise<void> {
  const { digest, size, chunks } = state;
  const preferRange = size > LARGE && wantedBytes(state) < SMALL_PART * size;
  const { signal } = options;
  const answer = await repository.blob(`sha256:${digest}`, { size, start, end, preferRange, without, signal });
  if (!answer.whole || (start === 0 && end === size)) return receive(state, answer, remaining(state, slices), options);
  if (state.whole !== undefined) {
    answer.stream.destroy();
    return state.whole;
  }
  // The source knows no ranges: the chunks of other requests are in it too.
  const sorted = chunks.toSorted((one, other) => one.offset - other.offset);
  state.whole = receive(state, answer, remaining(state, sorted), options);
  try {
    await state.whole;
  } finally {
    delete state.whole;
  }
}

/** A chunk of which bytes have arrived. */
interface Arriving {
  chunk: WantedChunk;
  hash: Hash;
  sink: ChunkSink | undefined;
}

/** Reads a stream to its end. @param chunks in ascending order of their offsets */
async function receive(
  { sink, done, wrong }: State,
  { stream, start, source }: BlobBytes,
  chunks: readonly WantedChunk[],
  { received, signal }: DownloadOptions,
): Promise<void> {
  let position = start;
  let next = 0;
  let arriving: Arriving[] = [];
  try {
    for await (const bytes of stream as AsyncIterable<Buffer>) {
      signal.throwIfAborted();
      const end = position + bytes.length;
      sink.receive?.(bytes, position);
      for (let chunk = chunks[next]; chunk !== undefined && chunk.offset < end; chunk = chunks[++next])
        arriving.push({ chunk, hash: createHash("sha256"), sink: sink.begin?.(chunk) });
      for (const { chunk, hash, sink: into } of arriving) {
        const last = chunk.offset + chunk.size;
        const piece = bytes.subarray(Math.max(chunk.offset - position, 0), Math.min(last, end) - position);
        hash.update(piece);
        into?.write(piece);
      }
      const ended = arriving.filter(({ chunk }) => chunk.offset + chunk.size <= end);
      arriving = arriving.filter(({ chunk }) => chunk.offset + chunk.size > end);
      for (const { chunk, hash, sink: into } of ended) {
        const isRight = hash.digest("hex") === chunk.digest;
        into?.end(isRight);
        if (isRight) {
          done.add(chunk);
          sink.arrived?.(chunk);
        } else wrong.set(chunk, source);
      }
      position = end;
      received(bytes.length);
    }
  } finally {
    for (const { sink: into } of arriving) into?.end(false);
  }
}
