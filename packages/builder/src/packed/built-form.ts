import { BlobDirectory, type Layout, type Platform, type Transaction, type Turns } from "@puzzlefs/oci";
import { openMetadata } from "@puzzlefs/format";
import type { BaseImage } from "../base.ts";
import type { Blob } from "../image-blob.ts";
import type { ResolvedOptions } from "../options.ts";
import { choosePackBase, openPackBase } from "./pack-base.ts";
import { type StagedForm, stagePackedForm } from "./packed-form.ts";
import { type Chunk, chunksInWalkOrder } from "./walk-order.ts";

/** A build that has all chunks. */
export interface BuiltInto {
  options: ResolvedOptions;
  turns: Turns;
  layout: Layout;
  transaction: Transaction;
  base: BaseImage | undefined;
}

/** The documents of the canonical image. */
export interface BuiltDocuments {
  metadata: Uint8Array;
  manifest: Buffer;
  config: Uint8Array;
  platform: Platform;
}

/** Moves the chunks that a build has written into packs, in walk order, and writes the rest of the packed form. */
export async function stageBuilt(
  { options, turns, layout, transaction, base }: BuiltInto,
  documents: BuiltDocuments,
  blobs: readonly Blob[],
): Promise<StagedForm> {
  const staging = new BlobDirectory(transaction.directory);
  const byDigest = new Map(blobs.map((blob) => [blob.hex, blob]));
  const chunks = chunksInWalkOrder(openMetadata(documents.metadata), (digest) => byDigest.get(digest)?.size ?? 0);
  const read = ({ digest, size }: Chunk): Uint8Array => {
    const temporary = byDigest.get(digest)?.temporary;
    if (temporary === undefined)
      return base === undefined || transaction.has(digest) ? transaction.readBlob(digest, size) : base.read(digest);
    const bytes = staging.read(temporary, size);
    // Its space is needed for the pack, and it would be written to the disk.
    transaction.directory.removeFile(temporary);
    return bytes;
  };
  const source = packSource(options, layout, chunks);
  const form = await stagePackedForm(transaction, turns, { ...documents, chunks, read }, layout.path, source);
  for (const { temporary } of blobs) if (temporary !== undefined) transaction.directory.removeFile(temporary);
  return form;
}

function packSource(
  { independent, base, platform, warn }: ResolvedOptions,
  layout: Layout,
  chunks: readonly Chunk[],
): ReturnType<typeof choosePackBase> {
  if (independent) return undefined;
  // A loose base has no packs.
  const named =
    base === undefined ? undefined : openPackBase(layout, base, platform === undefined ? {} : { preferred: platform });
  return named ?? choosePackBase(layout, chunks, warn);
}
