import { createHash } from "node:crypto";
import { readSync, writeSync } from "node:fs";

import { close, type Directory, isSystemError } from "@puzzlefs/linux";
import { type BlobStore, FILE_MODE, FsVerityHasher, LayoutError, type StoredBlob } from "@puzzlefs/oci";

const readBytes = 1 << 20;

/** A pack's name in the temporary directory, until its digest is known. */
export function packName(index: number): string {
  return `pack-${index}`;
}

/** The digests and size of a file's content. */
export interface Hashed {
  digest: Buffer;
  verity: Uint8Array;
  length: number;
}

/** Reads into memory from a position; returns the number of bytes, 0 at the end. */
type Read = (into: Uint8Array, position: number) => number;

/** sha256 and fs-verity digest of an open file from its start, whatever its size, and the number of its bytes. */
export function hashFile(file: number): Hashed {
  return hashAll((into, position) => readSync(file, into, 0, into.length, position));
}

/** The same of a blob; undefined if it cannot be read or its content does not have its digest. */
export function hashBlob(blobs: BlobStore, digest: string): Hashed | undefined {
  let blob: StoredBlob | undefined;
  try {
    const opened = (blob = blobs.open(digest));
    const hashed = hashAll((into, position) => opened.read(into, 0, position));
    return hashed.digest.toString("hex") === digest ? hashed : undefined;
  } catch (error) {
    if (isSystemError(error) || error instanceof LayoutError) return undefined;
    throw error;
  } finally {
    blob?.close();
  }
}

function hashAll(read: Read): Hashed {
  const sha256 = createHash("sha256");
  const verity = new FsVerityHasher();
  const buffer = Buffer.allocUnsafeSlow(readBytes);
  let length = 0;
  for (;;) {
    const count = read(buffer, length);
    if (count === 0) return { digest: sha256.digest(), verity: verity.digest(), length };
    const bytes = buffer.subarray(0, count);
    sha256.update(bytes);
    verity.update(bytes);
    length += count;
  }
}

/** A file in the temporary directory that grows at its end. */
export class AppendedFile {
  #file: number;
  length = 0;

  constructor(directory: Directory, name: string) {
    this.#file = directory.createFile(name, FILE_MODE);
  }

  append(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) at += writeSync(this.#file, bytes, at);
    this.length += bytes.length;
  }

  close(): void {
    close(this.#file);
  }
}
