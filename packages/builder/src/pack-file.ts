import { createHash } from "node:crypto";
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";

import { FsVerityHasher } from "@puzzlefs/oci";

const readBytes = 1 << 20;

/** A pack's name in the temporary directory, until its digest is known. */
export function packName(index: number): string {
  return `pack-${index}`;
}

/** Digests of a finished pack, read back so that any thread can do it. */
export function hashPack(path: string): { digest: Buffer; verity: Uint8Array; length: number } {
  const sha256 = createHash("sha256");
  const verity = new FsVerityHasher();
  const buffer = Buffer.allocUnsafeSlow(readBytes);
  let length = 0;
  const file = openSync(path, "r");
  try {
    for (;;) {
      const count = readSync(file, buffer, 0, readBytes, null);
      if (count === 0) break;
      const bytes = buffer.subarray(0, count);
      sha256.update(bytes);
      verity.update(bytes);
      length += count;
    }
  } finally {
    closeSync(file);
  }
  return { digest: sha256.digest(), verity: verity.digest(), length };
}

/** A file in the temporary directory that grows at its end. */
export class AppendedFile {
  #file: number;
  length = 0;

  constructor(directory: string, name: string) {
    this.#file = openSync(join(directory, name), "wx", 0o644);
  }

  append(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) at += writeSync(this.#file, bytes, at);
    this.length += bytes.length;
  }

  close(): void {
    closeSync(this.#file);
  }
}
