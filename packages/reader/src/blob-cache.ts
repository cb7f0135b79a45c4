import { checkRunEnd, FormatError } from "@puzzlefs/format";
import type { BlobStore } from "@puzzlefs/oci";
import { BlobFile } from "./blob-file.ts";
import { RawBlob, SeekableBlob } from "./blob.ts";
import type { Blob } from "./blob.ts";
import { Decompression } from "./decompression.ts";
import { ExpectedBlobs } from "./expected-blobs.ts";
import { FrameCache } from "./frame-cache.ts";
import { type BlobKey, keyDigest } from "./blob-key.ts";
import { LruMap } from "./lru-map.ts";
import { readSeekTable } from "./seek-table.ts";

/** @throws {FormatError} the image refers, from `inode`, to bytes up to `end` that the blob does not have */
export function checkInside(blob: Blob, end: number, inode: number): void {
  try {
    checkRunEnd(end, blob.length, inode);
  } catch (error) {
    throw error instanceof FormatError ? error.in(blob.file.name) : error;
  }
}

/** Makes a readable blob of an open file, and decides how it is verified. Throws to refuse it. */
export type BlobOpener = (file: BlobFile, key: BlobKey, shared: Decompression) => Blob;

/** A blob whose bytes are not checked. @throws {FormatError} of the seek table @throws {IntegrityError} */
export function openPlain(file: BlobFile, key: BlobKey, shared: Decompression): Blob {
  if (!key.startsWith("z")) return new RawBlob(file);
  return new SeekableBlob(file, readSeekTable(file, shared), shared);
}

export interface BlobCacheOptions {
  /** Blobs kept open. */
  openBlobs: number;
  /** Bytes of decompressed frames kept. */
  frameBytes: number;
}

/** Bytes that opened blobs, most of all their seek tables, may take together; one blob may exceed it alone. */
const maxTableMemory = 32 << 20;

/** The blobs of a store, opened when first read; the least recently used ones are closed. */
export class BlobCache {
  readonly #store: BlobStore;
  readonly #limit: number;
  readonly #decompression: Decompression;
  readonly #blobs = new LruMap<BlobKey, Blob>(({ memory }) => memory);
  readonly #opener: BlobOpener;
  readonly #expected: ExpectedBlobs;

  constructor(store: BlobStore, options: BlobCacheOptions, opener: BlobOpener = openPlain) {
    this.#store = store;
    this.#limit = options.openBlobs;
    this.#decompression = new Decompression(new FrameCache(options.frameBytes));
    this.#opener = opener;
    this.#expected = new ExpectedBlobs(store);
  }

  /** The store's, if it has one. */
  get fetch(): BlobStore["fetch"] {
    const { fetch } = this.#store;
    return fetch?.bind(this.#store);
  }

  /** Whether the store has a blob. */
  has(key: BlobKey): boolean {
    return this.#store.has(keyDigest(key));
  }

  /** A blob will probably be read soon. */
  expect(key: BlobKey): void {
    if (!this.#blobs.has(key)) this.#expected.expect(key);
  }

  /**
   * Fills `into` with the bytes from `offset` of the blob's uncompressed stream.
   *
   * @param end where the run ends by the metadata: inside the blob, even if less is read
   * @param inode for messages
   * @throws {IntegrityError} the blob does not have its digest
   * @throws {FormatError} the image refers to bytes that the blob does not have, or the seek table is malformed
   */
  read(key: BlobKey, offset: number, into: Uint8Array, end: number, inode: number): void {
    const blob = this.open(key);
    try {
      checkInside(blob, end, inode);
      blob.read(offset, into);
    } catch (error) {
      // The file may be replaced by a good one: the next read opens it again.
      this.#blobs.delete(key)?.file.close();
      throw error;
    }
  }

  /** @throws {IntegrityError} @throws {FormatError} of the seek table */
  open(key: BlobKey): Blob {
    const known = this.#blobs.get(key);
    if (known !== undefined) return known;
    while (this.#blobs.size >= this.#limit) this.#closeOldest();
    const file = this.#openFile(key);
    try {
      const blob = this.#opener(file, key, this.#decompression);
      this.#blobs.add(key, blob);
      while (this.#blobs.weight > maxTableMemory && this.#blobs.size > 1) this.#closeOldest();
      return blob;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  close(): void {
    while (this.#blobs.size > 0) this.#closeOldest();
    this.#expected.clear();
    this.#decompression.frames.clear();
  }

  #openFile(key: BlobKey): BlobFile {
    const digest = keyDigest(key);
    const name = `blob sha256:${digest}`;
    for (;;) {
      try {
        return new BlobFile(this.#store, digest, name, this.#expected.take(key));
      } catch (error) {
        // Out of descriptors: close one of ours, and fail only if there is none.
        const { code } = error as NodeJS.ErrnoException;
        if (code !== "EMFILE" && code !== "ENFILE") throw error;
        if (this.#expected.clear()) continue;
        if (this.#blobs.size === 0) throw error;
        const keep = this.#blobs.size >> 1;
        while (this.#blobs.size > keep) this.#closeOldest();
      }
    }
  }

  #closeOldest(): void {
    this.#blobs.deleteOldest()?.file.close();
  }
}
