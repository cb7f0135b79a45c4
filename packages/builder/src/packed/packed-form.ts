import {
  assemblePacked,
  fsVerityDigest,
  type Layout,
  type PackedPart,
  type Platform,
  sha256Hex,
  type StagedBlob,
  type Transaction,
  type Turns,
} from "@puzzlefs/oci";
import { makeBundle } from "./bundle.ts";
import { bytesOf, type PackPlan } from "./pack-plan.ts";
import { type ReadChunk, writePacks } from "./pack-writer.ts";

/** An image in its canonical form. */
export interface CanonicalParts {
  metadata: Uint8Array;
  manifest: Buffer;
  config: Uint8Array;
  platform: Platform;
  read: ReadChunk;
}

/** A packed image that is to be committed. */
export interface StagedForm {
  manifest: Buffer;
  staged: StagedBlob[];
  packs: number;
  keptPacks: number;
  /** Bytes of the new packs. */
  packedBytes: number;
  bundleBytes: number;
}

/** Called with the bytes of chunks that were copied, and of all that will be. */
export type CopyProgress = (done: number, total: number) => void;

/** Where packs are written. */
export interface PackTarget {
  layout: Layout;
  transaction: Transaction;
  turns: Turns;
  progress?: CopyProgress | undefined;
}

/** Writes the packs that an image needs beside those that it keeps, its bundle and documents into a staging directory. */
export async function stagePackedForm(
  { layout, transaction, turns, progress }: PackTarget,
  parts: CanonicalParts,
  plan: PackPlan,
): Promise<StagedForm> {
  const { metadata, manifest, config, platform, read } = parts;
  const { kept, fresh, places } = plan;
  const total = fresh.reduce((sum, pack) => sum + bytesOf(pack), 0);
  const writing = writePacks(fresh, read, transaction.directory, layout.blobs);
  let done = 0;
  let next = writing.next();
  try {
    for (; next.done !== true; next = writing.next()) {
      done += next.value;
      progress?.(done, total);
      if (turns.isDue) await turns.take();
    }
  } finally {
    writing.return([]);
  }
  const written = next.value;
  const packs = [...kept, ...written.map(({ record }) => record)];
  const stored = makeBundle({ metadata, manifest, config, packs, places }, layout.path);
  await turns.take();
  const bundle = transaction.writeBlob(stored);
  const verity = fsVerityDigest(stored).toString("hex");
  const record = { digest: bundle.digest, size: stored.length, verity };
  const documents = assemblePacked(sha256Hex(manifest), config, platform, record, packs);
  const write = ({ bytes }: PackedPart): StagedBlob => transaction.writeBlob(bytes);
  return {
    manifest: documents.manifest,
    staged: [...written.map(({ staged }) => staged), bundle, write(documents.config), write(documents.bootstrap)],
    packs: packs.length,
    keptPacks: kept.length,
    packedBytes: total,
    bundleBytes: stored.length,
  };
}
