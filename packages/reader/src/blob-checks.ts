import type { Chunk, Rootfs } from "@puzzlefs/format";
import { measureFsVerityOf } from "@puzzlefs/oci";
import type { Blob } from "./blob.ts";
import { blobKey, checkInside } from "./blob-cache.ts";
import type { BlobCheck, BlobKey } from "./blob-cache.ts";
import { IntegrityError } from "./errors.ts";

/**
 * `verify: "blob"`: stored bytes are hashed before the first use. A chunk that the image's table lists is checked
 * by itself; any other blob is hashed whole, once. Frames in the cache come from checked bytes.
 */
export class DigestCheck implements BlobCheck {
  readonly #chunks: ChunkTable;
  readonly #verified: Uint8Array;
  readonly #wholeBlobs = new Set<BlobKey>();

  constructor(rootfs: Rootfs) {
    this.#chunks = new ChunkTable(rootfs);
    this.#verified = new Uint8Array(this.#chunks.count);
  }

  opened(): void {
    // Nothing is used yet.
  }

  used(blob: Blob, key: BlobKey, offset: number, length: number): void {
    if (this.#wholeBlobs.has(key)) return;
    if (this.#coveredByChunks(blob, key, offset, offset + length)) return;
    const digest = Buffer.from(key.slice(1), "latin1");
    if (!blob.file.hash(0, blob.file.size).equals(digest)) throw new IntegrityError(blob.file.name, "digest");
    this.#wholeBlobs.add(key);
  }

  #coveredByChunks(blob: Blob, key: BlobKey, start: number, end: number): boolean {
    let at = start;
    for (let i = this.#chunks.find(key, start); at < end; i++) {
      const chunk = this.#chunks.at(i, key);
      if (chunk === undefined || chunk.blob.offset > at) return false;
      if (this.#verified[i] === 0) {
        verifyChunk(blob, chunk);
        this.#verified[i] = 1;
      }
      at = Math.max(at, chunk.blob.offset + chunk.length);
    }
    return true;
  }
}

/** @throws {IntegrityError} when the stored bytes of a chunk do not have the digest in the image's table */
export function verifyChunk(blob: Blob, chunk: Chunk): void {
  const { offset } = chunk.blob;
  checkInside(blob, offset + chunk.length, 0);
  const range = blob.storedRange(offset, chunk.length);
  const where = `chunk at ${offset}`;
  if (range === undefined) throw new IntegrityError(blob.file.name, "frame", `${where} is not made of whole frames`);
  const digest = blob.file.hash(range.start, range.end);
  if (!digest.equals(chunk.storedDigest.toUint8Array())) throw new IntegrityError(blob.file.name, "digest", where);
}

/** The chunk table of an image: ascending by digest, then by offset, as validation has seen. */
class ChunkTable {
  readonly #rootfs: Rootfs;
  readonly count: number;

  constructor(rootfs: Rootfs) {
    this.#rootfs = rootfs;
    this.count = rootfs.chunks.length;
  }

  /** Index of the last chunk of the blob that starts at or before `offset`; anything when there is none. */
  find(key: BlobKey, offset: number): number {
    let low = 0;
    let high = this.count;
    const wanted = key.slice(1);
    while (low + 1 < high) {
      const middle = (low + high) >>> 1;
      const { blob } = this.#rootfs.chunks.at(middle);
      const digest = blobKey(blob.digest.toUint8Array(), false).slice(1);
      if (digest < wanted || (digest === wanted && blob.offset <= offset)) low = middle;
      else high = middle;
    }
    return low;
  }

  at(index: number, key: BlobKey): Chunk | undefined {
    if (index >= this.count) return undefined;
    const chunk = this.#rootfs.chunks.at(index);
    return blobKey(chunk.blob.digest.toUint8Array(), chunk.blob.compressed) === key ? chunk : undefined;
  }
}

/** `verity`: a blob is used only when the kernel enforces the fs-verity digest that the image records for it. */
export class VerityCheck implements BlobCheck {
  readonly #digests = new Map<string, string>();

  constructor(rootfs: Rootfs) {
    for (const { digest, verity } of rootfs.fsVerityData) {
      this.#digests.set(hex(digest.toUint8Array()), hex(verity.toUint8Array()));
    }
  }

  opened(blob: Blob, key: BlobKey): void {
    const expected = this.#digests.get(Buffer.from(key.slice(1), "latin1").toString("hex"));
    if (expected === undefined) throw new IntegrityError(blob.file.name, "verity", "the image records none");
    checkVerity(blob.file.descriptor, blob.file.name, expected);
  }

  used(): void {
    // The kernel checks every page it reads.
  }
}

/** @throws {IntegrityError} unless the kernel enforces exactly this fs-verity digest on the open file */
export function checkVerity(descriptor: number, name: string, expected: string): void {
  let measured: Buffer | undefined;
  try {
    measured = measureFsVerityOf(descriptor);
  } catch (error) {
    throw new IntegrityError(name, "verity", `cannot be measured: ${(error as Error).message}`, error);
  }
  if (measured === undefined) throw new IntegrityError(name, "verity", "fs-verity is not enabled on it");
  if (hex(measured) !== expected) throw new IntegrityError(name, "verity", `measured ${hex(measured)}`);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}
