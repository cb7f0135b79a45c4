import { hash } from "node:crypto";
import { Bytes, findTableChunk, MAX_FRAME_BYTES } from "@puzzlefs/format";
import type { Rootfs } from "@puzzlefs/format";
import { keyDigestBytes } from "./blob-key.ts";
import type { BlobKey } from "./blob-key.ts";
import type { BlobFile } from "./blob-file.ts";
import type { Blob, PlainBlob } from "./blob.ts";
import type { Decompression } from "./decompression.ts";
import { IntegrityError } from "./errors.ts";

/** Bytes of such a range, uncompressed and stored; the kernel driver has the same limits. */
const maxContent = MAX_FRAME_BYTES;
const maxStored = 2 * MAX_FRAME_BYTES;

/** Bytes that have a digest of their own: a chunk of the image's table, or a whole blob. */
interface HashedRange {
  /** In the cache. */
  key: number;
  /** For messages; empty for a whole blob. */
  name: string;
  /** In the blob's uncompressed stream. */
  start: number;
  end: number;
  storedStart: number;
  storedEnd: number;
  /** sha256 of the stored bytes, latin1. */
  digest: string;
}

/**
 * A blob whose bytes are hashed each time that they are read from the store. A range is read into memory once, hashed
 * there, and used from that same memory. Content of the ranges used last is kept in the cache of frames.
 *
 * The seek table is read before anything is hashed, and only locates a range. A wrong table locates bytes that do not have
 * the range's digest, or gives a length that the range does not decompress to. Frames inside a range do not matter: it is
 * decompressed in one piece.
 */
export class VerifiedBlob implements Blob {
  readonly file: BlobFile;
  readonly #plain: PlainBlob;
  readonly #shared: Decompression;
  readonly #rootfs: Rootfs;
  readonly #digest: Bytes;
  readonly #compressed: boolean;
  /** Of the whole blob in the cache; chunks of the table count on. */
  readonly #firstKey: number;
  #last: HashedRange | undefined;

  constructor(plain: PlainBlob, key: BlobKey, rootfs: Rootfs, shared: Decompression) {
    this.file = plain.file;
    this.#plain = plain;
    this.#shared = shared;
    this.#rootfs = rootfs;
    this.#digest = Bytes.of(keyDigestBytes(key));
    this.#compressed = key.startsWith("z");
    this.#firstKey = shared.frames.reserve(rootfs.chunks.length + 1);
  }

  get length(): number {
    return this.#plain.length;
  }

  get memory(): number {
    return this.#plain.memory;
  }

  storedRange(offset: number, length: number): { start: number; end: number } | undefined {
    return this.#plain.storedRange(offset, length);
  }

  /** @throws {IntegrityError} also when a range does not have its digest, or is too large to be verified */
  read(offset: number, into: Uint8Array): void {
    const end = offset + into.length;
    for (let at = offset; at < end;) {
      const range = this.#rangeAt(at);
      const until = Math.min(range.end, end);
      const piece = into.length === until - at ? into : into.subarray(at - offset, until - offset);
      const known = this.#shared.frames.get(range.key);
      if (known !== undefined) piece.set(known.subarray(at - range.start, until - range.start));
      // A range that is wanted whole is not likely to be wanted soon again.
      else if (at === range.start && until === range.end) this.#load(range, piece, end);
      else piece.set(this.#keep(range, end).subarray(at - range.start, until - range.start));
      at = until;
    }
  }

  #rangeAt(offset: number): HashedRange {
    const last = this.#last;
    if (last !== undefined && offset >= last.start && offset < last.end) return last;
    const range = this.#chunkAt(offset) ?? this.#whole();
    const { name, start, end, storedStart, storedEnd } = range;
    if (end - start > maxContent || storedEnd - storedStart > maxStored) {
      const where = name === "" ? "no table lists its chunks" : name;
      throw new IntegrityError(this.file.name, "unverifiable", `${end - start} bytes: ${where}`);
    }
    this.#last = range;
    return range;
  }

  #chunkAt(offset: number): HashedRange | undefined {
    const found = findTableChunk(this.#rootfs, this.#digest, this.#compressed, offset);
    if (found === undefined) return undefined;
    const { length, blob, storedDigest } = found.chunk;
    const start = blob.offset;
    const name = `chunk at ${start}`;
    if (start + length > this.length) throw new IntegrityError(this.file.name, "short", name);
    const stored = this.storedRange(start, length);
    if (stored === undefined) throw new IntegrityError(this.file.name, "frame", `${name} is not made of whole frames`);
    const range = { start, end: start + length, storedStart: stored.start, storedEnd: stored.end };
    return { key: this.#firstKey + 1 + found.index, name, ...range, digest: latin1(storedDigest.toUint8Array()) };
  }

  /** A blob's own digest is of all its bytes, the seek table too. */
  #whole(): HashedRange {
    const range = { start: 0, end: this.length, storedStart: 0, storedEnd: this.file.size };
    return { key: this.#firstKey, name: "", ...range, digest: latin1(this.#digest.toUint8Array()) };
  }

  #keep(range: HashedRange, readEnd: number): Uint8Array {
    return this.#shared.frames.put(range.key, range.end - range.start, (into) => this.#load(range, into, readEnd));
  }

  /** Reads, hashes and decompresses a range. What follows it up to `readEnd`, uncompressed, will be read next. */
  #load(range: HashedRange, into: Uint8Array, readEnd: number): void {
    const { storedStart, storedEnd } = range;
    if (!this.#compressed) {
      this.file.read(into, storedStart);
      this.#check(range, into);
      return;
    }
    const ahead = Math.max(storedEnd, this.#plain.storedEnd(readEnd));
    const stored = this.#shared.stored(this.file, storedStart, storedEnd, ahead);
    this.#check(range, stored);
    this.#shared.decompress(this.file, range.name, stored, into);
  }

  #check({ name, digest }: HashedRange, stored: Uint8Array): void {
    // "binary" is latin1: a string costs less than a buffer.
    if (hash("sha256", stored, "binary") !== digest) throw new IntegrityError(this.file.name, "digest", name);
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}
