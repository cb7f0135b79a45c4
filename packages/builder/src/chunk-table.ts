import { OptionError } from "@puzzlefs/chunker";

/**
 * The chunks of a build in memory that its threads share: one record a chunk, and an index of them by content. Records are
 * never removed: their numbers, in the order of the tree, are what files refer to.
 */

/** Bytes of a record: eight words, then three digests. */
const recordBytes = 128;
const recordWords = recordBytes / 4;

/** The words of a record. */
const word = { address: 0, length: 1, next: 2, sameAs: 3, storedLength: 4, flags: 5, slab: 6 } as const;
const contentAt = 32;
const storedAt = 64;
const verityAt = 96;

const bucketBits = 17;
/** 2 GiB of address space, reserved and filled as needed: a terabyte in chunks of 64 KiB. */
const maxRecords = 1 << 24;
const growRecords = 1 << 12;

/** Properties of a stored chunk; bits of `flags`. */
export const chunkFlags = {
  /** Stored in the zstd seekable format. */
  compressed: 1,
  /** Not in the layout before this build. */
  fresh: 2,
  /** Known from the base image. */
  base: 4,
  /** Replaces a damaged file of the layout. */
  replaces: 8,
  /** Of the base image, whose layout is another one: stored here when an equal chunk is found. */
  absent: 16,
} as const;

export interface ChunkTableBuffers {
  records: SharedArrayBuffer;
  buckets: SharedArrayBuffer;
}

export class ChunkTable {
  readonly buffers: ChunkTableBuffers;
  #records: Int32Array;
  #digests: Uint8Array;
  #buckets: Int32Array;

  /** @param buffers of the table, if another thread has made it */
  constructor(buffers: ChunkTableBuffers = allocate()) {
    this.buffers = buffers;
    this.#records = new Int32Array(buffers.records);
    this.#digests = new Uint8Array(buffers.records);
    this.#buckets = new Int32Array(buffers.buckets);
  }

  /** Writes the record of a new chunk, which has the next number; main thread only. Throws OptionError: too many. */
  add(chunk: number, address: number, length: number, slab: number, flags: number): void {
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
  }

  /**
   * Files `chunk` under the digest of its content. Returns a chunk of equal content that was filed before, or -1.
   */
  claim(chunk: number, content: Uint8Array): number {
    this.#digests.set(content, chunk * recordBytes + contentAt);
    const bucket = (content[0] | (content[1] << 8) | (content[2] << 16)) & ((1 << bucketBits) - 1);
    for (;;) {
      // Heads and links hold number + 1, so that zeroed memory is an empty table.
      const head = Atomics.load(this.#buckets, bucket);
      for (let link = head; link !== 0; link = this.#records[(link - 1) * recordWords + word.next]) {
        const other = link - 1;
        if (this.#sameContent(other, chunk)) {
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
  /** The chunk whose results count for all chunks of this content: `chunk` itself unless an equal one was filed before it. */
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

function allocate(): ChunkTableBuffers {
  const maxByteLength = maxRecords * recordBytes;
  try {
    return {
      records: new SharedArrayBuffer(growRecords * recordBytes, { maxByteLength }),
      buckets: new SharedArrayBuffer(4 << bucketBits),
    };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Error(`not enough memory: a build reserves ${maxByteLength / 2 ** 30} GiB of address space (ulimit -v)`, {
      cause: error,
    });
  }
}
