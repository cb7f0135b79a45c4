import { chunkFlags, ChunkTable, type ChunkTableBuffers } from "./chunk-table.ts";

/**
 * The state that the threads of a build share, in SharedArrayBuffers: the table of chunks, and a queue over it. The main thread
 * appends chunks; any thread takes the next free one, and fills in its results.
 */

/** Words of the control block. */
const control = {
  published: 0,
  taken: 1,
  finished: 2,
  event: 3,
  closed: 4,
  failed: 5,
  failureLength: 6,
  newBytes: 8,
} as const;
const controlBytes = 64;
const failureBytes = 4096;

export interface QueueBuffers {
  control: SharedArrayBuffer;
  chunks: ChunkTableBuffers;
  slabs: SharedArrayBuffer;
}

export class ChunkQueue {
  readonly buffers: QueueBuffers;
  readonly chunks: ChunkTable;
  #control: Int32Array;
  #newBytes: BigInt64Array;
  /** Unfinished chunks in each slab, and one more while it is being filled. */
  readonly slabUsers: Int32Array;

  constructor(slabs: number | QueueBuffers) {
    this.chunks = new ChunkTable(typeof slabs === "number" ? undefined : slabs.chunks);
    this.buffers = typeof slabs === "number" ? allocate(slabs, this.chunks.buffers) : slabs;
    this.#control = new Int32Array(this.buffers.control, 0, controlBytes / 4);
    this.#newBytes = new BigInt64Array(this.buffers.control, control.newBytes * 4, 1);
    this.slabUsers = new Int32Array(this.buffers.slabs);
  }

  get published(): number {
    return Atomics.load(this.#control, control.published);
  }

  get newBytes(): number {
    return Number(Atomics.load(this.#newBytes, 0));
  }

  addNewBytes(count: number): void {
    Atomics.add(this.#newBytes, 0, BigInt(count));
  }

  /** Appends a record and wakes a thread for it; main thread only. Returns its number. */
  publish(address: number, length: number, slab: number): number {
    const chunk = this.published;
    this.chunks.add(chunk, address, length, slab, 0);
    if (slab >= 0) Atomics.add(this.slabUsers, slab, 1);
    Atomics.store(this.#control, control.published, chunk + 1);
    this.#signal();
    return chunk;
  }

  /** Appends a chunk that is stored already; before the first `publish`, main thread only. */
  publishKnown(
    content: Uint8Array,
    stored: Uint8Array,
    verity: Uint8Array,
    length: number,
    compressed: boolean,
  ): number {
    const chunk = this.published;
    this.chunks.add(chunk, 0, length, -1, chunkFlags.base | (compressed ? chunkFlags.compressed : 0));
    this.chunks.setResult(chunk, stored, verity, 0, 0);
    return this.#publishDone(chunk, content);
  }

  /** Appends a raw chunk that is to be stored when an equal one is found; before the first `publish`, main thread only. */
  publishAbsent(content: Uint8Array): number {
    const chunk = this.published;
    this.chunks.add(chunk, 0, 0, -1, chunkFlags.base | chunkFlags.absent);
    return this.#publishDone(chunk, content);
  }

  #publishDone(chunk: number, content: Uint8Array): number {
    this.chunks.claim(chunk, content);
    for (const counter of [control.published, control.taken, control.finished]) {
      Atomics.store(this.#control, counter, chunk + 1);
    }
    return chunk;
  }

  /** The next record that no thread has taken, or -1. */
  take(): number {
    for (;;) {
      const taken = Atomics.load(this.#control, control.taken);
      if (taken >= this.published) return -1;
      if (Atomics.compareExchange(this.#control, control.taken, taken, taken + 1) === taken) return taken;
    }
  }

  /** As `take`, but waits for work; -1 once the queue is closed and empty, or a thread has failed. */
  takeOrWait(): number {
    for (;;) {
      const event = Atomics.load(this.#control, control.event);
      if (this.failure !== undefined) return -1;
      const chunk = this.take();
      if (chunk >= 0) return chunk;
      if (Atomics.load(this.#control, control.closed) !== 0) return -1;
      Atomics.wait(this.#control, control.event, event);
    }
  }

  /** Counts a record as finished: its results are complete, and it uses its slab no longer. */
  finish(chunk: number): void {
    this.releaseSlab(this.chunks.slab(chunk));
    Atomics.add(this.#control, control.finished, 1);
    this.#signal();
  }

  releaseSlab(slab: number): void {
    if (slab >= 0) Atomics.sub(this.slabUsers, slab, 1);
  }

  /** A number that changes whenever anything happened; for `waitAfter`. */
  get event(): number {
    return Atomics.load(this.#control, control.event);
  }

  /** Sleeps until something happens after `event` was read. */
  waitAfter(event: number, milliseconds = 1000): void {
    Atomics.wait(this.#control, control.event, event, milliseconds);
  }

  get allFinished(): boolean {
    return Atomics.load(this.#control, control.finished) >= this.published;
  }

  /** No more records will come. */
  close(): void {
    Atomics.store(this.#control, control.closed, 1);
    this.#signal();
  }

  #signal(): void {
    Atomics.add(this.#control, control.event, 1);
    Atomics.notify(this.#control, control.event);
  }

  /** Reports that a thread cannot go on; the first report is kept. */
  fail(message: string): void {
    if (Atomics.compareExchange(this.#control, control.failed, 0, 1) === 0) {
      const bytes = Buffer.from(message).subarray(0, failureBytes);
      new Uint8Array(this.buffers.control, controlBytes).set(bytes);
      Atomics.store(this.#control, control.failureLength, bytes.length);
      Atomics.store(this.#control, control.failed, 2);
    }
    this.#signal();
  }

  get failure(): string | undefined {
    if (Atomics.load(this.#control, control.failed) !== 2) return undefined;
    const length = Atomics.load(this.#control, control.failureLength);
    return Buffer.from(new Uint8Array(this.buffers.control, controlBytes, length)).toString();
  }
}

function allocate(slabs: number, chunks: ChunkTableBuffers): QueueBuffers {
  return {
    control: new SharedArrayBuffer(controlBytes + failureBytes),
    chunks,
    slabs: new SharedArrayBuffer(4 * slabs),
  };
}
