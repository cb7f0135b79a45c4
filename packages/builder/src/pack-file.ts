import { createHash } from "node:crypto";
import { readSync, writeSync } from "node:fs";

import { close, type Directory, isSystemError, NotRegularError } from "@puzzlefs/linux";
import { FILE_MODE, FsVerityHasher } from "@puzzlefs/oci";

const readBytes = 1 << 20;

/** A pack's name in the temporary directory, until its digest is known. */
export function packName(index: number): string {
  return `pack-${index}`;
}

/** What a file contains. */
export interface Hashed {
  digest: Buffer;
  verity: Uint8Array;
  length: number;
}

/** sha256 and fs-verity digest of an open file from its start, whatever its size, and the number of its bytes. */
export function hashFile(file: number): Hashed {
  const sha256 = createHash("sha256");
  const verity = new FsVerityHasher();
  const buffer = Buffer.allocUnsafeSlow(readBytes);
  let length = 0;
  for (;;) {
    const count = readSync(file, buffer, 0, readBytes, length);
    if (count === 0) return { digest: sha256.digest(), verity: verity.digest(), length };
    const bytes = buffer.subarray(0, count);
    sha256.update(bytes);
    verity.update(bytes);
    length += count;
  }
}

/** The same of a blob of the layout; undefined where it cannot be read or its content is not what its name says. */
export function hashBlob(blobs: Directory, name: string): Hashed | undefined {
  let file: number | undefined;
  try {
    file = blobs.openFile(name);
    const hashed = file === undefined ? undefined : hashFile(file);
    return hashed?.digest.toString("hex") === name ? hashed : undefined;
  } catch (error) {
    if (isSystemError(error) || error instanceof NotRegularError) return undefined;
    throw error;
  } finally {
    if (file !== undefined) close(file);
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
