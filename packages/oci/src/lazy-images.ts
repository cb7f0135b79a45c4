import { FormatError, MAX_MANIFEST_BYTES, MAX_PLACE_TABLE_BYTES, PlaceTable } from "@puzzlefs/format";
import { close, type Directory, FileStatus, fsync, hasCode } from "@puzzlefs/linux";
import { isHexDigest } from "./digests.ts";
import { LayoutError } from "./errors.ts";
import { readRegular, writeAll } from "./files.ts";
import type { Layout } from "./image-layout.ts";
import { parseObject } from "./json.ts";
import { referencedBlobs } from "./manifest.ts";
import { runStepsAsync, type Turns } from "./steps.ts";

/**
 * Lazy images: their chunks are fetched from a registry as they are read, so some may be missing from the layout. `lazy/` of the
 * layout, for its owner alone, has for each of them MANIFEST.json, where it comes from, and for a packed image MANIFEST.places,
 * its place table: the chunks of its missing packs are blobs until the packs are whole. There are no secrets in these files.
 */
const LAZY = "lazy";
const RECORD_LIMIT = 1 << 16;

/** Where a lazy image comes from. */
export interface LazySource {
  /** HOST[:PORT]/REPOSITORY@sha256:DIGEST: the image, whatever its tag names later. */
  reference: string;
  /** As the user named it, for messages. */
  name: string;
  plainHttp: boolean;
  /** A file of credentials, instead of the usual ones. */
  authFile?: string;
  /** containerd's directory of registries. */
  hostsDir?: string;
  /** kubelet's file of credentials. */
  kubeletAuthFile?: string;
}

const FILES = ["authFile", "hostsDir", "kubeletAuthFile"] as const;

/** What a lazy image has and lacks. */
export interface LazyState {
  chunks: number;
  bytes: number;
  /** Those that are not in the layout yet. */
  missingChunks: number;
  missingBytes: number;
  /** It has all chunks, in packs if it is packed: an ordinary image. */
  isWhole: boolean;
}

/** A chunk that is missing, or is a blob of its own because its pack is missing. */
export interface LazyChunk {
  digest: string;
  size: number;
  present: boolean;
}

/**
 * Records that an image is lazy, durably: before index.json names it. `places`: of a packed image. It takes the layout's lock: several
 * processes may pull one image.
 */
export async function recordLazy(
  layout: Layout,
  manifest: string,
  source: LazySource,
  places: PlaceTable | undefined,
  turns: Turns,
): Promise<void> {
  using _ = await runStepsAsync(layout.lock(), turns);
  using directory = layout.directory.makeOrOpen(LAZY, 0o700);
  if (places !== undefined) replace(directory, `${manifest}.places`, places.bytes);
  replace(directory, `${manifest}.json`, Buffer.from(`${JSON.stringify(source)}\n`));
  directory.sync();
  layout.directory.sync();
}

/** The image is an ordinary one from now on. */
export function forgetLazy(layout: Layout, manifest: string): void {
  using directory = openLazy(layout);
  // The record first: without it the table has no meaning.
  directory?.removeFile(`${manifest}.json`);
  directory?.removeFile(`${manifest}.places`);
}

/** Makes ordinary images of the lazy ones that have all of their blobs by now. */
export function forgetWhole(layout: Layout): void {
  for (const manifest of lazyImages(layout))
    if (layout.blobs.has(manifest) && lazyState(layout, manifest)?.isWhole === true) forgetLazy(layout, manifest);
}

/** The directory of the records, and of the fetcher; undefined where no image was ever lazy. */
export function openLazy(layout: Layout): Directory | undefined {
  try {
    return layout.directory.directory(LAZY);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** The lazy images (hex digests of their manifests). */
export function lazyImages(layout: Layout): string[] {
  using directory = openLazy(layout);
  const names = directory?.names() ?? [];
  return names.flatMap((name) => (/^[0-9a-f]{64}\.json$/.test(name) ? [name.slice(0, 64)] : []));
}

/** Undefined for an image that is not lazy. Throws LayoutError (corrupt). */
export function lazySource(layout: Layout, manifest: string): LazySource | undefined {
  using directory = openLazy(layout);
  if (directory === undefined || !isHexDigest(manifest)) return undefined;
  const file = `${manifest}.json`;
  const bytes = readRegular(directory, file, RECORD_LIMIT);
  if (bytes === undefined) return undefined;
  const path = directory.pathOf(file);
  const { reference, name, plainHttp, ...rest } = parseObject(bytes.toString("utf8"), path);
  const isWhole = typeof reference === "string" && typeof name === "string" && typeof plainHttp === "boolean";
  if (!isWhole) throw new LayoutError("corrupt", path, "not a record of a lazy image");
  const source: LazySource = { reference, name, plainHttp };
  for (const key of FILES) {
    const named = rest[key];
    if (typeof named === "string") source[key] = named;
    else if (named !== undefined) throw new LayoutError("corrupt", path, `${key} is not a path`);
  }
  return source;
}

/** The place table of a lazy image; undefined: it is not packed. Throws LayoutError (corrupt). */
export function lazyPlaces(layout: Layout, manifest: string): PlaceTable | undefined {
  using directory = openLazy(layout);
  if (directory === undefined) return undefined;
  const file = `${manifest}.places`;
  const bytes = readRegular(directory, file, MAX_PLACE_TABLE_BYTES);
  if (bytes === undefined) return undefined;
  try {
    return new PlaceTable(bytes);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new LayoutError("corrupt", directory.pathOf(file), error.message, error);
  }
}

/** Of a lazy image: the chunks of its missing packs, or if it is not packed those that are missing. Throws LayoutError. */
export function* lazyChunks(layout: Layout, manifest: string): Generator<LazyChunk> {
  const { blobs } = layout;
  const table = lazyPlaces(layout, manifest);
  if (table === undefined) {
    const name = `manifest sha256:${manifest}`;
    for (const { type, digest, size = 0 } of referencedBlobs(blobs.read(manifest, MAX_MANIFEST_BYTES), name))
      if (digest !== undefined && isChunk(type) && !blobs.has(digest)) yield { digest, size, present: false };
    return;
  }
  const absent = table.packs.map(({ digest, size }) => blobs.size(digest) !== size);
  for (let rank = 0; rank < table.chunks; rank++) {
    const { pack, size } = table.at(rank);
    if (!absent[pack]) continue;
    const digest = table.digestAt(rank);
    yield { digest, size, present: blobs.size(digest) === size };
  }
}

/** Chunks of a lazy image that are blobs of their own in the layout: those that were fetched. Throws LayoutError. */
export function* fetchedChunks(layout: Layout, manifest: string): Generator<string> {
  if (lazyPlaces(layout, manifest) !== undefined) {
    for (const { digest, present } of lazyChunks(layout, manifest)) if (present) yield digest;
    return;
  }
  const bytes = layout.blobs.read(manifest, MAX_MANIFEST_BYTES);
  for (const { type, digest } of referencedBlobs(bytes, `manifest sha256:${manifest}`))
    if (digest !== undefined && isChunk(type) && layout.blobs.has(digest)) yield digest;
}

/** Undefined for an image that is not lazy. Throws LayoutError. */
export function lazyState(layout: Layout, manifest: string): LazyState | undefined {
  if (lazySource(layout, manifest) === undefined) return undefined;
  const state = { ...wholeOf(layout, manifest), missingChunks: 0, missingBytes: 0, isWhole: true };
  for (const { size, present } of lazyChunks(layout, manifest)) {
    state.isWhole = false;
    if (present) continue;
    state.missingChunks++;
    state.missingBytes += size;
  }
  return state;
}

function wholeOf(layout: Layout, manifest: string): { chunks: number; bytes: number } {
  const table = lazyPlaces(layout, manifest);
  const whole = { chunks: table?.chunks ?? 0, bytes: 0 };
  for (let rank = 0; rank < whole.chunks; rank++) whole.bytes += table?.at(rank).size ?? 0;
  if (table !== undefined) return whole;
  const bytes = layout.blobs.read(manifest, MAX_MANIFEST_BYTES);
  for (const { type, size = 0 } of referencedBlobs(bytes, `manifest sha256:${manifest}`)) {
    if (!isChunk(type)) continue;
    whole.chunks++;
    whole.bytes += size;
  }
  return whole;
}

function isChunk(type: string): boolean {
  return type === "chunk" || type === "compressed-chunk";
}

const status = new FileStatus();

/** Called under the layout's lock, so the temporary has a fixed name: one that a killed process left is replaced. */
function replace(directory: Directory, name: string, bytes: Uint8Array): void {
  const temporary = `${name}.tmp`;
  directory.removeFile(temporary);
  const descriptor = directory.createFile(temporary, 0o600);
  try {
    writeAll(descriptor, bytes);
    fsync(descriptor);
  } finally {
    close(descriptor);
  }
  directory.rename(temporary, directory, name);
}

/** Whether this process's user owns the records, so that it may fetch for the images. */
export function ownsLazy(directory: Directory): boolean {
  status.readDescriptor(directory.descriptor);
  return status.uid === process.geteuid?.();
}
