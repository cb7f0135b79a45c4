import {
  assembleManifest,
  fsVerityDigest,
  hostPlatform,
  sha256Hex,
  type CommitRequest,
  type StagedBlob,
} from "@puzzlefs/oci";

import type { Blob } from "./image-blob.ts";
import type { BuildResult, ResolvedOptions } from "./options.ts";
import { stageBuilt } from "./packed/built-form.ts";
import type { KnownPacks } from "./packed/known-packs.ts";
import type { PackTarget } from "./packed/packed-form.ts";

const EMPTY = Buffer.from("{}");

/** A tree in its final form: content in blobs, all else in the bytes of the metadata blob. */
export interface StoredTree extends Pick<
  BuildResult,
  "files" | "entries" | "bytes" | "chunks" | "omissions" | "repaired"
> {
  metadata: Uint8Array;
  blobs: Blob[];
}

/** Where and how an image is committed. */
export interface StoreTarget extends PackTarget, Pick<CommitRequest, "platform" | "base"> {
  options: ResolvedOptions;
  packs: KnownPacks;
  /** Stages records for later builds; returns the names of their files. */
  remember: (manifest: Uint8Array) => string[];
}

/** Writes manifest, metadata and, of a packed image, its packs, and commits the image, in the form that the options demand. */
export async function storeImage(target: StoreTarget, tree: StoredTree): Promise<BuildResult> {
  const { options, turns, transaction, platform, base } = target;
  const { metadata, blobs, ...counts } = tree;
  const rootfs = { ...describe(metadata), verity: fsVerityDigest(metadata).toString("hex") };
  const chunks = blobs.map(({ hex, size, compressed }) => ({ digest: hex, size, compressed }));
  const config = options.config && describe(options.config.bytes);
  const manifest = assembleManifest(rootfs, chunks, config, options.annotations);
  await turns.take();
  const image = {
    manifest: sha256Hex(manifest),
    manifestVerity: fsVerityDigest(manifest).toString("hex"),
    metadata: rootfs.digest,
    metadataBytes: metadata.length,
    manifestBytes: manifest.length,
    ...counts,
  };
  const request = {
    tag: options.tag,
    ...(platform !== undefined && { platform }),
    ...(base !== undefined && { base }),
  };
  const form = options.packed
    ? await stagePacked(target, { metadata, manifest, platform: platform ?? hostPlatform() }, blobs)
    : await stageLoose(target, metadata, manifest, blobs);
  const records = target.remember(manifest);
  const done = await transaction.commitAsync(
    { ...request, manifest: form.manifest, blobs: form.staged, records },
    turns,
  );
  const { lost } = done;
  if (lost.length > 0) options.warn(`${lost.join(", ")} cannot be written: the next build does that work again`);
  const { newBlobs, newBytes, packed } = form;
  const saved = { newBlobs, newBytes, savedBytes: Math.max(0, counts.bytes - newBytes) };
  if (packed === undefined) return { ...image, ...saved };
  return { ...image, ...saved, packed: { manifest: done.digest, verity: done.verity, ...packed } };
}

/** A form of the image that is to be committed. */
interface ImageForm {
  manifest: Uint8Array;
  staged: StagedBlob[];
  newBlobs: number;
  newBytes: number;
  packed?: { packs: number; keptPacks: number; bundleBytes: number };
}

async function stagePacked(
  target: StoreTarget,
  documents: { metadata: Uint8Array; manifest: Buffer; platform: NonNullable<CommitRequest["platform"]> },
  blobs: readonly Blob[],
): Promise<ImageForm> {
  const { options, packs } = target;
  const parts = { ...documents, config: options.config?.bytes ?? EMPTY };
  const kept = options.independent ? undefined : packs;
  const form = await stageBuilt(target, parts, blobs, (chunk) => readStored(target, chunk.digest, chunk.size), kept);
  const { manifest, staged, packedBytes, ...packed } = form;
  return { manifest, staged, newBlobs: packed.packs - packed.keptPacks, newBytes: packedBytes, packed };
}

async function stageLoose(
  target: StoreTarget,
  metadata: Uint8Array,
  manifest: Buffer,
  blobs: readonly Blob[],
): Promise<ImageForm> {
  const { options, turns, transaction, packs } = target;
  const staged = [transaction.writeBlob(metadata)];
  if (options.config) staged.push(transaction.writeBlob(options.config.bytes));
  const count = { newBlobs: 0, newBytes: 0 };
  for (const { hex, size, temporary, replaces } of blobs) {
    if (temporary !== undefined) staged.push({ temporary, digest: hex, replaces });
    // A chunk that only packs have.
    else if (packs.storeOf(hex) !== undefined && !transaction.has(hex))
      staged.push(transaction.writeBlob(readStored(target, hex, size)));
    else continue;
    count.newBlobs++;
    count.newBytes += size;
    if (turns.isDue) await turns.take();
  }
  return { manifest, staged, ...count };
}

/** The bytes of a chunk that was stored before. Throws LayoutError. */
function readStored({ packs, transaction }: StoreTarget, digest: string, size: number): Uint8Array {
  return packs.storeOf(digest)?.read(digest, size) ?? transaction.readBlob(digest, size);
}

function describe(bytes: Uint8Array): { digest: string; size: number } {
  return { digest: sha256Hex(bytes), size: bytes.length };
}
