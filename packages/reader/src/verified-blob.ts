import { hash } from "node:crypto";
import { MAX_FRAME_BYTES } from "@puzzlefs/format";
import { keyDigestBytes } from "./blob-key.ts";
import type { BlobKey } from "./blob-key.ts";
import type { BlobFile } from "./blob-file.ts";
import type { Blob } from "./blob.ts";
import type { Decompression } from "./decompression.ts";
import { IntegrityError } from "./errors.ts";

/** Bytes of such a blob, uncompressed and stored; the kernel driver has the same limits. */
const maxContent = MAX_FRAME_BYTES;
const maxStored = 2 * MAX_FRAME_BYTES;

/**
 * A blob that is hashed each time that it is read from the store: it is read into memory once, hashed there, and used from
 * that same memory. Content of the blobs used last is kept in the cache of frames.
 *
 * The seek table is read before anything is hashed, and yields only the length of the content. Frames do not matter: the blob
 * is decompressed in one piece, which must have that length.
 */
export class VerifiedBlob implements Blob {
  readonly file: BlobFile;
  readonly #plain: Blob;
  readonly #shared: Decompression;
  /** sha256 of the stored bytes, latin1. */
  readonly #digest: string;
  readonly #compressed: boolean;
  /** In the cache. */
  readonly #key: number;

  constructor(plain: Blob, key: BlobKey, shared: Decompression) {
    this.file = plain.file;
    this.#plain = plain;
    this.#shared = shared;
    this.#digest = latin1(keyDigestBytes(key));
    this.#compressed = key.startsWith("z");
    this.#key = shared.frames.reserve(1);
  }

  get length(): number {
    return this.#plain.length;
  }

  get memory(): number {
    return this.#plain.memory;
  }

  /** @throws {IntegrityError} also when the blob does not have its digest, or is too large to be verified */
  read(offset: number, into: Uint8Array): void {
    const { length, file } = this;
    if (length > maxContent || file.size > maxStored) {
      throw new IntegrityError(file.name, "unverifiable", `${length} bytes, ${file.size} stored`);
    }
    const { frames } = this.#shared;
    const known = frames.get(this.#key);
    // A blob that is wanted whole is not likely to be wanted soon again.
    if (known === undefined && into.length === length) {
      this.#load(into);
      return;
    }
    const content = known ?? frames.put(this.#key, length, (bytes) => this.#load(bytes));
    into.set(content.subarray(offset, offset + into.length));
  }

  /** Reads, hashes and decompresses all of it. */
  #load(into: Uint8Array): void {
    const { file } = this;
    if (!this.#compressed) {
      file.read(into, 0);
      this.#check(into);
      return;
    }
    const stored = this.#shared.stored(file, 0, file.size, file.size);
    this.#check(stored);
    this.#shared.decompress(file, "", stored, into);
  }

  #check(stored: Uint8Array): void {
    // "binary" is latin1: a string costs less than a buffer.
    if (hash("sha256", stored, "binary") !== this.#digest) throw new IntegrityError(this.file.name, "digest");
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}
