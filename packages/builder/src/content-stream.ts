import type { Chunker } from "@puzzlefs/chunker";

import { ZERO_BLOB_BYTES } from "@puzzlefs/format";
import { printable } from "@puzzlefs/linux";

import { BuildError } from "./errors.ts";
import { addPiece, holeChunk, type Pieces } from "./pieces.ts";
import type { SlabRing } from "./slab.ts";
import type { ContentSink } from "./source.ts";

/** With less room than this in a slab, a new one is begun: shorter reads are not worth a system call. */
const leastRoom = 65536;

/** A file that has entered the stream and still waits for chunks to cover it. */
interface Pending {
  file: { pieces: Pieces };
  left: number;
}

/**
 * Concatenates files and cuts them into chunks. The caller announces a file with `begin`, then supplies its bytes by
 * reading into the room that `reserve` returns and calling `advance`, or by `hole` for bytes that are zero, and calls `end`.
 */
export class ContentStream implements ContentSink {
  #chunker: Chunker;
  #ring: SlabRing;
  #emit: (address: number, length: number, slab: number) => number;
  #keepsHoles: boolean;
  #pending: Pending[] = [];
  #pendingFrom = 0;
  /** The file that is being delivered: its path, its size, and how much of it has come. */
  #path = "";
  #size = 0;
  #delivered = 0;
  #slab = -1;
  /** Addresses: the first byte that is not in a chunk yet, the end of the data, the end of the slab. */
  #start = 0;
  #fill = 0;
  #end = 0;
  /** The chunk that a long run of zeros is cut into, once one has been met: its number and length. */
  #zeroChunk = -1;
  #zeroLength = 0;
  #lastChunk = -1;

  /**
   * `emit` takes a finished chunk and returns its number. With `keepsHoles`, holes are pieces of their own, and chunks end
   * before them; otherwise they are cut like other zeros.
   */
  constructor(
    chunker: Chunker,
    ring: SlabRing,
    emit: (address: number, length: number, slab: number) => number,
    keepsHoles = false,
  ) {
    this.#chunker = chunker;
    this.#ring = ring;
    this.#emit = emit;
    this.#keepsHoles = keepsHoles;
  }

  /**
   * The next `length` bytes of the stream are this file's: its pieces, none so far, are added as they are cut.
   *
   * @param path for messages, latin1
   */
  begin(file: { pieces: Pieces }, length: number, path = ""): void {
    if (length > 0) this.#pending.push({ file, left: length });
    this.#path = path;
    this.#size = length;
    this.#delivered = 0;
  }

  /** Throws BuildError if the file that was begun is not complete. */
  end(): void {
    if (this.#delivered !== this.#size) throw this.#wrongSize(this.#delivered);
  }

  get memory(): Uint8Array<SharedArrayBuffer> {
    return this.#chunker.memory;
  }

  reserve(wanted: number): { address: number; room: number } {
    if (this.#end - this.#fill < Math.min(wanted, leastRoom)) this.#nextSlab();
    return { address: this.#fill, room: this.#end - this.#fill };
  }

  advance(count: number): void {
    this.#deliver(count);
    this.#append(count);
  }

  #append(count: number): void {
    this.#fill += count;
    while (this.#fill - this.#start >= this.#chunker.sizes.max) this.#cut();
  }

  hole(length: number): void {
    this.#deliver(length);
    if (!this.#keepsHoles) {
      this.#zeros(length);
      return;
    }
    this.finish();
    for (let left = length; left > 0; left -= ZERO_BLOB_BYTES) {
      this.#assign(holeChunk, Math.min(left, ZERO_BLOB_BYTES));
    }
  }

  #deliver(count: number): void {
    const delivered = this.#delivered + count;
    if (delivered > this.#size) throw this.#wrongSize(delivered);
    this.#delivered = delivered;
  }

  #wrongSize(delivered: number): BuildError {
    return new BuildError(
      printable(Buffer.from(this.#path, "latin1")),
      `the source delivered ${delivered} bytes of ${this.#size}`,
    );
  }

  /** Long runs of zeros are not materialized: cut by content, they are copies of one chunk. */
  #zeros(length: number): void {
    const { max } = this.#chunker.sizes;
    while (length > 0) {
      if (this.#fill === this.#start && length >= max && this.#zeroChunk >= 0) {
        this.#assign(this.#zeroChunk, this.#zeroLength);
        length -= this.#zeroLength;
        continue;
      }
      const atBoundary = this.#fill === this.#start;
      const { address, room } = this.reserve(max);
      const zeros = Math.min(length, room, max);
      this.#chunker.memory.fill(0, address, address + zeros);
      const before = this.#start;
      this.#append(zeros);
      length -= zeros;
      if (this.#start === before) continue;
      if (atBoundary && zeros === max) {
        this.#zeroLength = this.#start - before;
        this.#zeroChunk = this.#lastChunk;
      }
      // The rest of these zeros is counted as part of the hole again: the next chunk begins inside it.
      const leftOver = this.#fill - this.#start;
      if (leftOver <= zeros) {
        this.#fill = this.#start;
        length += leftOver;
      }
    }
  }

  /** The stream ends here: everything read so far is cut. It may go on with other files afterwards. */
  finish(): void {
    while (this.#fill > this.#start) this.#cut();
  }

  /** Number of files that are not in chunks yet, or only in part, and bytes of the first of them that are not. */
  get uncut(): { files: number; left: number } {
    const files = this.#pending.length - this.#pendingFrom;
    return { files, left: files === 0 ? 0 : this.#pending[this.#pendingFrom].left };
  }

  /** Removes what is not in chunks yet from the stream. Pieces of its files are added by the caller. */
  takeBack(): void {
    this.#fill = this.#start;
    this.#pending.splice(this.#pendingFrom);
  }

  /** Ends the stream and releases its slab. */
  close(): void {
    this.finish();
    if (this.#slab >= 0) this.#ring.release(this.#slab);
    this.#slab = -1;
    this.#start = this.#fill = this.#end = 0;
  }

  #cut(): void {
    const length = this.#chunker.cut(this.#start, this.#fill - this.#start);
    this.#lastChunk = this.#emit(this.#start, length, this.#slab);
    this.#start += length;
    this.#assign(this.#lastChunk, length);
  }

  /** Adds the next `length` bytes of the stream, which are those of `chunk`, to the pieces of the files that they belong to. */
  #assign(chunk: number, length: number): void {
    for (let offset = 0; offset < length;) {
      const pending = this.#pending[this.#pendingFrom];
      const { file } = pending;
      const taken = Math.min(pending.left, length - offset);
      addPiece(file, chunk, offset, taken);
      pending.left -= taken;
      offset += taken;
      if (pending.left === 0) this.#pendingFrom++;
    }
    if (this.#pendingFrom > 1024) {
      this.#pending.splice(0, this.#pendingFrom);
      this.#pendingFrom = 0;
    }
  }

  /** Moves what is not in a chunk yet to the start of a fresh slab. */
  #nextSlab(): void {
    const slab = this.#ring.acquire();
    const address = this.#ring.address(slab);
    const left = this.#fill - this.#start;
    this.#chunker.memory.copyWithin(address, this.#start, this.#fill);
    if (this.#slab >= 0) this.#ring.release(this.#slab);
    this.#slab = slab;
    this.#start = address;
    this.#fill = address + left;
    this.#end = address + this.#ring.slabBytes;
  }
}
