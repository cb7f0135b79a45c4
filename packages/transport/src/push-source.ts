import { bytesOf, type Chunk, chunksOf, configBytes, metadataOf } from "@puzzlefs/builder/packed";
import { type BaseRecord, hostPlatform, type Layout, LayoutError, lazySource, type LazySource } from "@puzzlefs/oci";
import type { ImageHeader } from "@puzzlefs/reader";
import type { PushOptions } from "./push-options.ts";
import type { PackOrigin, ReadChunk } from "./push-packs.ts";
import type { CanonicalDocuments } from "./registry-form.ts";

/** The image that is pushed, as the layout has it. */
export interface PushSource extends CanonicalDocuments {
  chunks: readonly Chunk[];
  read: ReadChunk;
  /** The packs of the layout, if it is packed there. */
  own: PackOrigin | undefined;
  /** What the layout records of it. */
  base: BaseRecord | undefined;
  lazy: LazySource | undefined;
  /** Whether the layout has a chunk. */
  has: (digest: string) => boolean;
}

/** @param digest sha256 of the stored manifest, hex */
export function sourceOf(
  layout: Layout,
  digest: string,
  header: ImageHeader,
  { reference, platform }: PushOptions,
): PushSource {
  const choice = platform === undefined ? {} : { platform };
  return {
    metadata: metadataOf(header),
    manifest: header.manifest,
    config: configBytes(header),
    platform: platform ?? layout.platformOf(reference) ?? hostPlatform(),
    chunks: chunksOf(header, layout.path),
    read: ({ digest: chunk, size }) => header.blobs.read(chunk, size),
    own: header.packed && { packs: header.packed.packs, find: (chunk) => header.packed?.table.find(chunk) },
    base: layout.baseOf(reference, choice),
    lazy: lazySource(layout, digest),
    has: (chunk) => header.blobs.has(chunk),
  };
}

/** Throws LayoutError (missing) for chunks of a lazy image that have to be uploaded and have not been fetched. */
export function checkFetched(
  needed: readonly Chunk[],
  { lazy, has }: PushSource,
  { ociDir, reference, target }: PushOptions,
): void {
  if (lazy === undefined) return;
  const missing = needed.filter(({ digest }) => !has(digest));
  if (missing.length === 0) return;
  const what = `${missing.length} of its chunks, ${bytesOf(missing)} bytes, have not been fetched from ${lazy.name}`;
  const advice = `'puzzlefs pull ${lazy.name} ${ociDir}:${reference}' receives them`;
  const problem = `${what}, and ${target.name} cannot take them over from there: ${advice}`;
  throw new LayoutError("missing", `${ociDir}:${reference}`, problem);
}
