import { createHash } from "node:crypto";
import type { PackRecord } from "@puzzlefs/format";
import type { Directory } from "@puzzlefs/linux";
import { FsVerityHasher, type StagedBlob } from "@puzzlefs/oci";
import { AppendedFile, packName } from "../pack-file.ts";
import type { Chunk } from "./walk-order.ts";

/** Reads the stored bytes of a chunk, and checks them against its digest. */
export type ReadChunk = (chunk: Chunk) => Uint8Array;

/** A pack that was written. */
export interface WrittenPack {
  record: PackRecord;
  staged: StagedBlob;
}

/**
 * Writes packs into a staging directory, in order. Yields after each chunk with its bytes. Throws what `read` throws.
 */
export function* writePacks(
  packs: readonly (readonly Chunk[])[],
  read: ReadChunk,
  staging: Directory,
): Generator<number, WrittenPack[]> {
  const written: WrittenPack[] = [];
  for (const [number, chunks] of packs.entries()) {
    const temporary = packName(number);
    const file = new AppendedFile(staging, temporary);
    try {
      const sha256 = createHash("sha256");
      const verity = new FsVerityHasher();
      for (const chunk of chunks) {
        const bytes = read(chunk);
        sha256.update(bytes);
        verity.update(bytes);
        file.append(bytes);
        yield bytes.length;
      }
      const digest = sha256.digest("hex");
      const record = { digest, verity: verity.digest().toString("hex"), size: file.length };
      written.push({ record, staged: { temporary, digest } });
    } finally {
      file.close();
    }
  }
  return written;
}
