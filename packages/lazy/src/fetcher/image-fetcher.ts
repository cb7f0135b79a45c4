import type { Layout } from "@puzzlefs/oci";
import type { RepositoryAccess } from "@puzzlefs/registry";
import { messageOf } from "@puzzlefs/linux";
import type { ChunkPlan, RemoteChunk } from "../chunk-plan.ts";
import type { ChunkWriter } from "./chunk-writer.ts";
import { ReadAhead } from "./read-ahead.ts";
import type { Slots } from "./slots.ts";
import { type ChunkRange, transfer, type TransferTarget } from "./transfer.ts";

/** Bytes between two chunks that are fetched too, rather than by another request. */
const GAP = 64 << 10;

interface Coming {
  promise: Promise<Buffer>;
  resolve: (bytes: Buffer) => void;
  reject: (error: Error) => void;
}

/** A wished chunk: its bytes, or that the layout has it. */
export type Fetched = Buffer | "stored";

/** Fetches chunks of one lazy image: equal wishes are joined, near ones make one request, and the bytes that follow them are read ahead. */
export class ImageFetcher {
  readonly plan: ChunkPlan;
  readonly repository: RepositoryAccess;
  readonly #layout: Layout;
  readonly #writer: ChunkWriter;
  readonly #slots: Slots;
  readonly #signal: AbortSignal;
  readonly #coming = new Map<string, Coming>();
  /** Blobs that are on their way as a whole, because the registry ignores ranges. */
  readonly #wholes = new Map<string, Promise<void>>();
  readonly #ahead: ReadAhead;
  /** Positions of chunks that are wished for, but not requested yet. */
  #wished: number[] = [];
  #timeout = 0;

  constructor(
    layout: Layout,
    plan: ChunkPlan,
    repository: RepositoryAccess,
    writer: ChunkWriter,
    slots: Slots,
    signal: AbortSignal,
  ) {
    this.#layout = layout;
    this.plan = plan;
    this.repository = repository;
    this.#writer = writer;
    this.#slots = slots;
    this.#signal = signal;
    this.#ahead = new ReadAhead(plan);
  }

  /** Fetches a chunk for a reader. @param timeout milliseconds after which it is given up */
  async fetch(digest: string, timeout: number): Promise<Fetched> {
    const stored = this.#writer.get(digest);
    if (stored !== undefined) return stored;
    const coming = this.#coming.get(digest);
    if (coming !== undefined) return this.#inTime(coming.promise, timeout);
    const position = this.plan.find(digest);
    if (position === undefined) {
      // Of another image, or not a chunk.
      if (this.#layout.blobs.has(digest)) return "stored";
      throw new Error("the image has no such chunk");
    }
    if (this.isStored(this.plan.at(position))) return "stored";
    const { promise } = this.#expect(digest);
    if (this.#wished.push(position) === 1) setImmediate(() => this.#requestWished());
    this.#timeout = Math.max(this.#timeout, timeout);
    return promise;
  }

  /** What the background fetches is not given up so soon. */
  async #inTime(promise: Promise<Buffer>, timeout: number): Promise<Buffer> {
    const late = Promise.withResolvers<never>();
    const reason = `from ${this.repository.name}: no answer in time`;
    const timer = setTimeout(() => late.reject(new Error(reason)), timeout);
    try {
      return await Promise.race([promise, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Fetches a range in the background. Rejected if it cannot be fetched. */
  async fill(range: ChunkRange, timeout: number): Promise<void> {
    await this.#transfer(range, timeout);
  }

  /** Whether the layout has a chunk, or the pack that it is in. */
  isStored({ digest, size, blob, blobSize }: RemoteChunk): boolean {
    const { blobs } = this.#layout;
    return blobs.size(digest) === size || (blob !== digest && blobs.size(blob) === blobSize);
  }

  /** Whether a chunk need not be requested: it is stored, will be, or is on its way. */
  isKnown(chunk: RemoteChunk): boolean {
    return this.#writer.get(chunk.digest) !== undefined || this.#coming.has(chunk.digest) || this.isStored(chunk);
  }

  #expect(digest: string): Coming {
    const coming = Promise.withResolvers<Buffer>();
    this.#coming.set(digest, coming);
    coming.promise.catch(() => undefined);
    return coming;
  }

  #requestWished(): void {
    const wished = this.#wished.toSorted((one, other) => one - other);
    const timeout = this.#timeout;
    this.#wished = [];
    this.#timeout = 0;
    for (const range of this.#joined(wished)) {
      const extended = { first: range.first, end: this.#ahead.extend(range, (chunk) => this.isKnown(chunk)) };
      this.#slots
        .urgent(() => this.#transfer(extended, timeout))
        // Each chunk's own promise is rejected.
        .catch(() => undefined);
    }
  }

  /** Ranges of positions, in ascending order, whose chunks are near each other. */
  #joined(positions: readonly number[]): ChunkRange[] {
    const ranges: ChunkRange[] = [];
    let last: RemoteChunk | undefined;
    for (const position of positions) {
      const chunk = this.plan.at(position);
      const range = ranges.at(-1);
      const isNear = last?.blob === chunk.blob && chunk.offset - last.offset - last.size <= GAP;
      if (isNear && range !== undefined) range.end = position + 1;
      else ranges.push({ first: position, end: position + 1 });
      last = chunk;
    }
    return ranges;
  }

  /** Transfers the chunks of a range that are not on their way already, and those that were wished for. */
  async #transfer(range: ChunkRange, timeout: number): Promise<void> {
    const own = new Map<string, Coming>();
    for (let position = range.first; position < range.end; position++) {
      const chunk = this.plan.at(position);
      const coming = this.#coming.get(chunk.digest);
      if (coming !== undefined) own.set(chunk.digest, coming);
      else if (!this.isKnown(chunk)) own.set(chunk.digest, this.#expect(chunk.digest));
    }
    const target: TransferTarget = {
      isWanted: ({ digest }) => own.has(digest) && this.#coming.get(digest) === own.get(digest),
      arrived: (chunk, bytes) => this.#arrived(chunk, bytes),
      wholeOf: (blob) => this.#wholes.get(blob),
      whole: (blob, done) => this.#whole(blob, done),
    };
    try {
      await this.#wholes.get(this.plan.at(range.first).blob);
      const deadline = performance.now() + timeout;
      await transfer(this.repository, this.plan, range, target, deadline, this.#signal);
    } catch (error) {
      for (const [digest, coming] of own) {
        if (this.#coming.get(digest) !== coming) continue;
        this.#coming.delete(digest);
        coming.reject(new Error(messageOf(error), { cause: error }));
      }
      throw error;
    }
  }

  #whole(blob: string, done: Promise<void>): void {
    this.#wholes.set(blob, done);
    void done.finally(() => this.#wholes.delete(blob));
  }

  #arrived(chunk: RemoteChunk, bytes: Buffer): void {
    const { digest } = chunk;
    if (!this.isStored(chunk)) this.#writer.add(digest, bytes);
    const coming = this.#coming.get(digest);
    this.#coming.delete(digest);
    coming?.resolve(bytes);
  }
}
