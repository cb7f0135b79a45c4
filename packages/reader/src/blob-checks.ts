import { Bytes, findTableChunk, findVerity } from "@puzzlefs/format";
import type { Chunk, Rootfs } from "@puzzlefs/format";
import { measureFsVerityOf } from "@puzzlefs/linux";
import type { Blob } from "./blob.ts";
import { checkInside } from "./blob-cache.ts";
import type { BlobCheck, BlobKey } from "./blob-cache.ts";
import { IntegrityError } from "./errors.ts";

/**
 * `verify: "blob"`: stored bytes are hashed before the first use. A chunk that the image's table lists is checked
 * by itself; any other blob is hashed whole, once for each time that it is opened: it may be another file by then.
 * Frames in the cache come from checked bytes.
 */
export class DigestCheck implements BlobCheck {
  readonly #rootfs: Rootfs;
  /** Entries of the table that are checked. */
  readonly #chunks = new WeakMap<Blob, Set<number>>();
  readonly #whole = new WeakSet<Blob>();

  constructor(rootfs: Rootfs) {
    this.#rootfs = rootfs;
  }

  opened(blob: Blob): void {
    this.#chunks.set(blob, new Set());
  }

  used(blob: Blob, key: BlobKey, offset: number, length: number): void {
    if (this.#whole.has(blob)) return;
    if (this.#coveredByChunks(blob, key, offset, offset + length)) return;
    const digest = digestBytes(key);
    if (!blob.file.hash(0, blob.file.size).equals(digest)) throw new IntegrityError(blob.file.name, "digest");
    this.#whole.add(blob);
  }

  #coveredByChunks(blob: Blob, key: BlobKey, start: number, end: number): boolean {
    const digest = Bytes.of(digestBytes(key));
    const checked = this.#chunks.get(blob);
    for (let at = start; at < end;) {
      const found = findTableChunk(this.#rootfs, digest, key.startsWith("z"), at);
      if (found === undefined) return false;
      const { index, chunk } = found;
      if (checked?.has(index) !== true) {
        verifyChunk(blob, chunk);
        checked?.add(index);
      }
      at = chunk.blob.offset + chunk.length;
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

/** `verity`: a blob is used only when the kernel enforces the fs-verity digest that the image records for it. */
export class VerityCheck implements BlobCheck {
  readonly #rootfs: Rootfs;

  constructor(rootfs: Rootfs) {
    this.#rootfs = rootfs;
  }

  opened(blob: Blob, key: BlobKey): void {
    const recorded = findVerity(this.#rootfs, Bytes.of(digestBytes(key)));
    if (recorded === undefined) throw new IntegrityError(blob.file.name, "verity", "the image records none");
    const expected = hex(recorded.toUint8Array());
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

const digestBytes = (key: BlobKey): Buffer => Buffer.from(key.slice(1), "latin1");

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}
