import { createHash } from "node:crypto";
import { readSync, writeSync } from "node:fs";

import { close, type Directory } from "@puzzlefs/linux";
import { FsVerityHasher } from "@puzzlefs/oci";

const readBytes = 1 << 20;

/** A pack's name in the temporary directory, until its digest is known. */
export function packName(index: number): string {
  return `pack-${index}`;
}

/** sha256 and fs-verity digest of an open file from its start, whatever its size, and the number of its bytes. */
export function hashFile(file: number): { digest: Buffer; verity: Uint8Array; length: number } {
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

/** A file in the temporary directory that grows at its end. */
export class AppendedFile {
  #file: number;
  length = 0;

  constructor(directory: Directory, name: string) {
    this.#file = directory.createFile(name);
  }

  append(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) at += writeSync(this.#file, bytes, at);
    this.length += bytes.length;
  }

  close(): void {
    close(this.#file);
  }
}
