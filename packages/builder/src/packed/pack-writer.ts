import { createHash } from "node:crypto";
import { writeSync } from "node:fs";
import type { PackRecord } from "@puzzlefs/format";
import { close, type Directory } from "@puzzlefs/linux";
import { type BlobStore, FILE_MODE, FsVerityHasher, type StagedBlob } from "@puzzlefs/oci";
import { hashBlob } from "../hash-blob.ts";
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
 *
 * @param blobs the layout's: a damaged pack there is replaced
 */
export function* writePacks(
  packs: readonly (readonly Chunk[])[],
  read: ReadChunk,
  staging: Directory,
  blobs: BlobStore,
): Generator<number, WrittenPack[]> {
  const written: WrittenPack[] = [];
  for (const [number, chunks] of packs.entries()) {
    const temporary = `pack-${number}`;
    const file = staging.createFile(temporary, FILE_MODE);
    try {
      const sha256 = createHash("sha256");
      const verity = new FsVerityHasher();
      let size = 0;
      for (const chunk of chunks) {
        const bytes = read(chunk);
        sha256.update(bytes);
        verity.update(bytes);
        for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
        size += bytes.length;
        yield bytes.length;
      }
      const digest = sha256.digest("hex");
      const replaces = blobs.size(digest) === size && hashBlob(blobs, digest) === undefined;
      written.push({
        record: { digest, verity: verity.digest().toString("hex"), size },
        staged: { temporary, digest, replaces },
      });
    } finally {
      close(file);
    }
  }
  return written;
}
