import { OptionError } from "@puzzlefs/chunker";

/**
 * What the threads of a build share, all in SharedArrayBuffers: one record a chunk, an index of them by
 * content, and a queue. The main thread appends records; any thread takes the next free one; the one that took it
 * fills in the results. Records are never removed: their numbers, in the order of the tree, are what files refer to.
 */

/** Bytes of a record: eight words, then three digests. */
const recordBytes = 128;
const recordWords = recordBytes / 4;

/** The words of a record. */
const word = { address: 0, length: 1, next: 2, sameAs: 3, storedLength: 4, flags: 5, slab: 6, done: 7 } as const;
const contentAt = 32;
const storedAt = 64;
const verityAt = 96;

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

const bucketBits = 17;
/** 2 GiB of address space, reserved and filled as needed: a terabyte in chunks of 64 KiB. */
const maxRecords = 1 << 24;
const growRecords = 1 << 12;

/** What a stored chunk is like; bits of `flags`. */
export const chunkFlags = {
  /** Stored in the zstd seekable format. */
  compressed: 1,
  /** Not in the layout before this build. */
  fresh: 2,
  /** Not a chunk: a finished pack, to be hashed. */
  pack: 4,
  /** Known from the base image. */
  base: 8,
  /** Takes the place of a damaged file of the layout. */
  replaces: 16,
} as const;

export interface QueueBuffers {
  control: SharedArrayBuffer;
  records: SharedArrayBuffer;
  buckets: SharedArrayBuffer;
  slabs: SharedArrayBuffer;
}

export class ChunkQueue {
  readonly buffers: QueueBuffers;
  #control: Int32Array;
  #newBytes: BigInt64Array;
  #records: Int32Array;
  #digests: Uint8Array;
  #buckets: Int32Array;
  /** Unfinished chunks in each slab, and one more while it is being filled. */
  readonly slabUsers: Int32Array;

  constructor(slabs: number | QueueBuffers) {
    this.buffers = typeof slabs === "number" ? createBuffers(slabs) : slabs;
    this.#control = new Int32Array(this.buffers.control, 0, controlBytes / 4);
    this.#newBytes = new BigInt64Array(this.buffers.control, control.newBytes * 4, 1);
    this.#records = new Int32Array(this.buffers.records);
    this.#digests = new Uint8Array(this.buffers.records);
    this.#buckets = new Int32Array(this.buffers.buckets);
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
  publish(address: number, length: number, slab: number, flags = 0): number {
    const chunk = this.#append(address, length, slab, flags);
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
    const chunk = this.#append(0, length, -1, chunkFlags.base | (compressed ? chunkFlags.compressed : 0));
    this.setResult(chunk, stored, verity, 0, 0);
    this.claim(chunk, content, false);
    this.#records[chunk * recordWords + word.done] = 1;
    for (const counter of [control.published, control.taken, control.finished]) {
      Atomics.store(this.#control, counter, chunk + 1);
    }
    return chunk;
  }

  #append(address: number, length: number, slab: number, flags: number): number {
    const chunk = this.published;
    const needed = (chunk + 1) * recordBytes;
    if (needed > this.buffers.records.byteLength) {
      if (chunk >= maxRecords) throw new OptionError(`more than ${maxRecords} chunks: use larger chunk sizes`);
      this.buffers.records.grow(needed - recordBytes + growRecords * recordBytes);
    }
    const at = chunk * recordWords;
    this.#records[at + word.address] = address;
    this.#records[at + word.length] = length;
    this.#records[at + word.sameAs] = -1;
    this.#records[at + word.flags] = flags;
    this.#records[at + word.slab] = slab;
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

  /** Marks a record's results as complete and its slab as no longer used by it, unless `keepSlab`. */
  finish(chunk: number, keepSlab: boolean): void {
    Atomics.store(this.#records, chunk * recordWords + word.done, 1);
    if (!keepSlab) this.releaseSlab(this.slab(chunk));
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

  /**
   * Files `chunk` under the digest of its content. Returns a chunk of equal content that was filed before, or -1.
   * With `ordered`, only one with a lower number counts, so that the first of the tree always has the data.
   */
  claim(chunk: number, content: Uint8Array, ordered: boolean): number {
    this.#digests.set(content, chunk * recordBytes + contentAt);
    const bucket = (content[0] | (content[1] << 8) | (content[2] << 16)) & ((1 << bucketBits) - 1);
    for (;;) {
      // Heads and links hold number + 1, so that zeroed memory is an empty table.
      const head = Atomics.load(this.#buckets, bucket);
      for (let link = head; link !== 0; link = this.#records[(link - 1) * recordWords + word.next]) {
        const other = link - 1;
        if ((!ordered || other < chunk) && this.#sameContent(other, chunk)) {
          this.#records[chunk * recordWords + word.sameAs] = other;
          return other;
        }
      }
      this.#records[chunk * recordWords + word.next] = head;
      if (Atomics.compareExchange(this.#buckets, bucket, head, chunk + 1) === head) return -1;
    }
  }

  #sameContent(one: number, other: number): boolean {
    const a = one * recordWords + contentAt / 4;
    const b = other * recordWords + contentAt / 4;
    for (let index = 0; index < 8; index++) {
      if (this.#records[a + index] !== this.#records[b + index]) return false;
    }
    return true;
  }

  setResult(chunk: number, stored: Uint8Array, verity: Uint8Array, storedLength: number, flags: number): void {
    const at = chunk * recordBytes;
    this.#digests.set(stored, at + storedAt);
    this.#digests.set(verity, at + verityAt);
    this.#records[chunk * recordWords + word.storedLength] = storedLength;
    this.#records[chunk * recordWords + word.flags] |= flags;
  }

  address(chunk: number): number {
    return this.#records[chunk * recordWords + word.address];
  }
  length(chunk: number): number {
    return this.#records[chunk * recordWords + word.length];
  }
  slab(chunk: number): number {
    return this.#records[chunk * recordWords + word.slab];
  }
  flags(chunk: number): number {
    return this.#records[chunk * recordWords + word.flags];
  }
  storedLength(chunk: number): number {
    return this.#records[chunk * recordWords + word.storedLength];
  }
  done(chunk: number): boolean {
    return Atomics.load(this.#records, chunk * recordWords + word.done) !== 0;
  }
  /** The chunk that stands for all of this content; `chunk` itself unless an equal one was filed before it. */
  original(chunk: number): number {
    const sameAs = this.#records[chunk * recordWords + word.sameAs];
    return sameAs < 0 ? chunk : sameAs;
  }
  /** The digests, 32 bytes each: views of the shared memory, cheap where there are a hundred thousand. */
  contentDigest(chunk: number): Uint8Array {
    return this.#digests.subarray(chunk * recordBytes + contentAt, chunk * recordBytes + contentAt + 32);
  }
  storedDigest(chunk: number): Uint8Array {
    return this.#digests.subarray(chunk * recordBytes + storedAt, chunk * recordBytes + storedAt + 32);
  }
  verity(chunk: number): Uint8Array {
    return this.#digests.subarray(chunk * recordBytes + verityAt, chunk * recordBytes + verityAt + 32);
  }
}

function createBuffers(slabs: number): QueueBuffers {
  try {
    return allocate(slabs);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const bytes = maxRecords * recordBytes;
    throw new Error(`not enough memory: a build reserves ${bytes / 2 ** 30} GiB of address space (ulimit -v)`, {
      cause: error,
    });
  }
}

function allocate(slabs: number): QueueBuffers {
  return {
    control: new SharedArrayBuffer(controlBytes + failureBytes),
    records: new SharedArrayBuffer(growRecords * recordBytes, { maxByteLength: maxRecords * recordBytes }),
    buckets: new SharedArrayBuffer(4 << bucketBits),
    slabs: new SharedArrayBuffer(4 * slabs),
  };
}
