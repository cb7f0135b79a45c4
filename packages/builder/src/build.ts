import {
  Layout,
  LayoutError,
  parseImageConfig,
  platformText,
  samePlatform,
  sha256Hex,
  systemFailure,
  Transaction,
  Turns,
  type CommitRequest,
  type LockWait,
  type Platform,
} from "@puzzlefs/oci";

import { openBase, openSource, type BaseImage } from "./base.ts";
import { WRITING } from "./chunk-work.ts";
import { holeChunk } from "./pieces.ts";
import { BaseNumbering } from "./delta.ts";
import { encodeTree } from "./encode-tree.ts";
import type { FileCache } from "./file-cache.ts";
import { Reachable } from "./metadata-values.ts";
import { Omissions } from "./omissions.ts";
import { resolveOptions, type BuildOptions, type BuildResult, type ResolvedOptions } from "./options.ts";
import { KnownPacks } from "./packed/known-packs.ts";
import { Pipeline } from "./pipeline.ts";
import { ChunkBlobs } from "./chunk-blobs.ts";
import type { Blob } from "./image-blob.ts";
import { FreshNumbering } from "./tree-node.ts";
import { readSource } from "./read-source.ts";
import { refuseInside } from "./refuse-inside.ts";
import type { Source } from "./source.ts";
import { storeImage, type StoredTree } from "./store-image.ts";
import { cacheOf, sourceOf } from "./tree-source.ts";
import { XattrPolicy } from "./xattrs.ts";

/**
 * Makes an image of a tree and tags it. Either the whole image is in the layout afterwards, on disk and under its tag,
 * or the layout's tags are what they were. Throws BuildError for the tree, LayoutError for the layout, FormatError or
 * IntegrityError for the base image, what a BaseSource throws, OptionError for options, the reason of `signal` if it is aborted, and
 * what `check` throws.
 *
 * It returns to the event loop regularly: no step takes longer than reading, compressing or writing one chunk, except encoding and
 * hashing the metadata, which takes longer the more inodes there are, and the parts that a base image adds.
 */
export async function build(options: BuildOptions): Promise<BuildResult> {
  const resolved = resolveOptions(options);
  const platform = platformOf(resolved);
  refuseInside(resolved);
  resolved.check();
  const turns = new Turns(resolved.check);
  const { layout, transaction } = await openLayout(resolved, turns);
  using _ = layout;
  let done = false;
  try {
    const result = await buildInto(resolved, turns, layout, transaction, platform);
    done = true;
    return result;
  } catch (error) {
    throw systemFailure(error, layout.path, WRITING);
  } finally {
    transaction.abort();
    if (!done) layout.removeIfNew();
  }
}

/** A build that waits longer than this reports the reason. */
const SILENT_MILLISECONDS = 1000;
const MOST_TRIES = 10;

/**
 * Opens the layout. Another build that fails may remove it between two calls, so this is tried again.
 *
 * @param begin begins the transaction
 */
export async function openLayout(
  { ociDir, check, warn }: Pick<ResolvedOptions, "ociDir" | "check" | "warn">,
  turns: Turns,
  begin = Transaction.beginAsync,
): Promise<{ layout: Layout; transaction: Transaction }> {
  let reported = false;
  const waiting = ({ path, milliseconds, holder }: LockWait): void => {
    check();
    if (reported || milliseconds < SILENT_MILLISECONDS) return;
    reported = true;
    const process = holder();
    warn(`waiting for the lock of ${path}${process === undefined ? "" : `, held by process ${process}`}`);
  };
  for (let tries = MOST_TRIES; ; tries--) {
    let layout: Layout | undefined;
    try {
      layout = await Layout.createAsync(ociDir, waiting, turns);
      return { layout, transaction: await begin(layout, turns) };
    } catch (error) {
      layout?.removeIfNew();
      layout?.close();
      const failure = systemFailure(error, layout?.path ?? ociDir, WRITING);
      if (tries === 1 || !(failure instanceof LayoutError) || failure.kind !== "absent") throw failure;
    }
  }
}

async function buildInto(
  options: ResolvedOptions,
  turns: Turns,
  layout: Layout,
  transaction: Transaction,
  platform: Pick<CommitRequest, "platform">,
): Promise<BuildResult> {
  using base = await baseOf(options.base, layout, platform.platform);
  using cache = cacheOf(options, layout);
  const source = sourceOf(options, layout, cache);
  using packs = knownPacks(options, layout, base, source);
  const pipeline = new Pipeline(options, transaction.directory, layout, packs, source.stored);
  try {
    const tree = await storeTree(options, turns, pipeline, base, source, cache);
    options.check();
    const remember = (manifest: Uint8Array): string[] => {
      const staged = [pipeline.remember(), cache?.stage(sha256Hex(manifest), transaction.directory)];
      return staged.filter((name) => name !== undefined);
    };
    const progress = (copied: number, total: number): void => pipeline.reportPacking(copied, total);
    const recorded = base?.record === undefined ? platform : { ...platform, base: base.record };
    return await storeImage({ options, turns, layout, transaction, packs, remember, progress, ...recorded }, tree);
  } finally {
    await pipeline.close();
  }
}

async function baseOf(
  base: BuildOptions["base"],
  layout: Layout,
  preferred: Platform | undefined,
): Promise<BaseImage | undefined> {
  if (base === undefined) return undefined;
  return typeof base === "string" ? openBase(layout, base, preferred) : openSource(layout, base, preferred);
}

/** The packed images whose chunks the new one may have. */
function knownPacks(
  { packed, tag, platform, warn, verify }: ResolvedOptions,
  layout: Layout,
  base: BaseImage | undefined,
  { stored }: Source,
): KnownPacks {
  const packs = new KnownPacks(layout, warn, verify);
  packs.add(base?.blobs, true);
  packs.add(stored?.blobs, base === undefined);
  if (packed) packs.openLikely(tag, platform === undefined ? {} : { preferred: platform });
  return packs;
}

/** The memory that grows with the tree is free when this returns. */
async function storeTree(
  options: ResolvedOptions,
  turns: Turns,
  pipeline: Pipeline,
  base: BaseImage | undefined,
  source: Source,
  cache: FileCache | undefined,
): Promise<StoredTree> {
  const known = base === undefined ? [] : await pipeline.run(base.announce(pipeline.queue, options.verify), turns);
  const omissions = new Omissions();
  const reading = readSource(source, {
    mtime: options.mtime,
    omissions,
    xattrs: new XattrPolicy(options.selinux, omissions),
    numbering: base === undefined ? new FreshNumbering() : new BaseNumbering(base),
    addFile: (node, file) => {
      cache?.add(node.ino, file);
      return pipeline.addFile(node, file);
    },
  });
  const nodes = await pipeline.run(reading, turns);
  await pipeline.finish(turns);
  nodes.sort((a, b) => a.ino - b.ino);
  const chunkBlobs = new ChunkBlobs(pipeline.queue.chunks, known);
  const reachable = new Reachable();
  const blobOf = (chunk: number): Blob => {
    const blob = chunk === holeChunk ? pipeline.zeros : (source.stored?.blob(chunk) ?? chunkBlobs.find(chunk));
    reachable.add(blob);
    return blob;
  };
  const encoded = await encodeTree(nodes, base, blobOf, () => reachable.blobs(), turns);
  const blobs = reachable.blobs();
  const replaced = blobs.filter(({ replaces }) => replaces).map(({ hex }) => hex);
  const repaired = [...new Set([...(base?.damaged ?? []), ...replaced])].sort();
  return { ...encoded, blobs, chunks: reachable.chunkCount, omissions: omissions.list(), repaired };
}

/** The platform of the image's entry in index.json: the one asked for, that of its configuration, or this machine's. */
function platformOf({ config, platform }: ResolvedOptions): Pick<CommitRequest, "platform"> {
  if (config === undefined) return platform === undefined ? {} : { platform };
  const { architecture, os, variant } = parseImageConfig(config.bytes, config.path);
  const configured = { architecture, os, ...(typeof variant === "string" && { variant }) };
  if (platform === undefined || samePlatform(platform, configured)) return { platform: configured };
  const problem = `it is for ${platformText(configured)}, not for ${platformText(platform)}`;
  throw new LayoutError("refused", config.path, problem);
}
