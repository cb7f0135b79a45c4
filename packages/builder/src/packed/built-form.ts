import { openMetadata } from "@puzzlefs/format";
import { BlobDirectory, type Platform } from "@puzzlefs/oci";
import type { Blob } from "../image-blob.ts";
import type { KnownPacks } from "./known-packs.ts";
import { planPacks } from "./pack-plan.ts";
import { type PackTarget, type StagedForm, stagePackedForm } from "./packed-form.ts";
import { type Chunk, chunksInWalkOrder } from "./walk-order.ts";

/** The documents of the canonical image. */
export interface BuiltDocuments {
  metadata: Uint8Array;
  manifest: Buffer;
  config: Uint8Array;
  platform: Platform;
}

/**
 * Moves the chunks that a build has written into packs, in walk order, and writes the rest of the packed form.
 *
 * @param readStored the bytes of a chunk that was stored before
 * @param packs those to keep; undefined: none
 */
export async function stageBuilt(
  target: PackTarget,
  documents: BuiltDocuments,
  blobs: readonly Blob[],
  readStored: (chunk: Chunk) => Uint8Array,
  packs: KnownPacks | undefined,
): Promise<StagedForm> {
  const { directory } = target.transaction;
  const staging = new BlobDirectory(directory);
  const byDigest = new Map(blobs.map((blob) => [blob.hex, blob]));
  const chunks = chunksInWalkOrder(openMetadata(documents.metadata), (digest) => byDigest.get(digest)?.size ?? 0);
  const read = (chunk: Chunk): Uint8Array => {
    const temporary = byDigest.get(chunk.digest)?.temporary;
    if (temporary === undefined) return readStored(chunk);
    const bytes = staging.read(temporary, chunk.size);
    // Its space is needed for the pack, and it would be written to the disk.
    directory.removeFile(temporary);
    return bytes;
  };
  const form = await stagePackedForm(target, { ...documents, read }, planPacks(chunks, packs?.choose(chunks)));
  for (const { temporary } of blobs) if (temporary !== undefined) directory.removeFile(temporary);
  return form;
}
