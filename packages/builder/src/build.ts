import { dirname, sep } from "node:path";

import { encodeRootfs, type InodeValue } from "@puzzlefs/format";
import {
  assembleManifest,
  fsVerityDigest,
  Layout,
  parseImageConfig,
  type CommitRequest,
  type StagedBlob,
  type Transaction,
} from "@puzzlefs/oci";
import { absolutePath, bytesOf, realPath } from "@puzzlefs/linux";

import { openBase, type BaseImage } from "./base.ts";
import { holeChunk } from "./content-stream.ts";
import { BaseNumbering, changedInodes, layerValues } from "./delta.ts";
import { BuildError, readFailure } from "./errors.ts";
import { inodeValue, Reachable, rootfsValue } from "./image.ts";
import { resolveOptions, type BuildOptions, type BuildResult, type ResolvedOptions } from "./options.ts";
import { Pipeline } from "./pipeline.ts";
import { ChunkPlaces, type Blob, type ChunkPlace } from "./places.ts";
import { FreshNumbering } from "./tree.ts";
import { walkTree } from "./walk.ts";
import { XattrReader } from "./xattrs.ts";

/**
 * Makes an image of a tree and tags it. Either the whole image is in the layout afterwards, on disk and under its tag,
 * or the layout's tags are what they were. Throws BuildError for the tree, LayoutError for the layout, FormatError or
 * IntegrityError for the base image, RangeError for options.
 */
export async function build(options: BuildOptions): Promise<BuildResult> {
  const resolved = resolveOptions(options);
  const platform = platformOf(resolved);
  refuseInside(resolved.ociDir, resolved.rootfs);
  using layout = Layout.create(resolved.ociDir);
  const transaction = layout.begin();
  try {
    const base = resolved.base === undefined ? undefined : openBase(layout, resolved.base);
    const pipeline = new Pipeline(resolved, transaction.directory, layout.blobs);
    try {
      return commit(resolved, transaction, await storeTree(resolved, pipeline, base), platform);
    } finally {
      await pipeline.close();
    }
  } finally {
    transaction.abort();
  }
}

/** A tree in its final form: content in blobs, all else in the bytes of the metadata blob. */
interface StoredTree extends Pick<BuildResult, "files" | "entries" | "bytes" | "chunks"> {
  metadata: Uint8Array;
  blobs: Blob[];
}

/** Everything that a large tree takes memory for is let go when this returns. */
async function storeTree(
  options: ResolvedOptions,
  pipeline: Pipeline,
  base: BaseImage | undefined,
): Promise<StoredTree> {
  const known = base?.announce(pipeline.queue) ?? [];
  const nodes = walkTree({
    rootfs: options.rootfs,
    mtime: options.mtime,
    xattrs: new XattrReader(options.selinux, options.warn),
    numbering: base === undefined ? new FreshNumbering() : new BaseNumbering(base),
    onFile: (node, file) => pipeline.addFile(node, file),
  });
  await pipeline.finish();
  nodes.sort((a, b) => a.ino - b.ino);
  const places = new ChunkPlaces(pipeline.queue, pipeline.packs, known);
  const reachable = new Reachable();
  const place = (chunk: number): ChunkPlace => {
    const found = chunk === holeChunk ? pipeline.holes : places.find(chunk);
    reachable.add(found);
    return found;
  };
  const counts = { files: 0, entries: nodes.length, bytes: 0 };
  const inodes: InodeValue[] = [];
  // Each node goes as its inode comes: a large tree need not be in memory twice.
  nodes.reverse();
  for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
    inodes.push(inodeValue(node, place));
    if (node.kind === "file") counts.files++;
    counts.bytes += node.size;
  }
  const blobs = reachable.blobs();
  const layers = base === undefined ? [{ inodes }] : layersOver(base, inodes);
  const metadata = encodeRootfs(rootfsValue(layers, blobs, reachable.chunkTable()));
  return { metadata, blobs, chunks: reachable.chunkCount, ...counts };
}

/** The base's layers under one of what has changed, if anything has. */
function layersOver(base: BaseImage, inodes: InodeValue[]): { inodes: InodeValue[] }[] {
  const changed = changedInodes(inodes, base);
  const below = layerValues(base);
  return changed.length === 0 ? below : [{ inodes: changed }, ...below];
}

/** What index.json says of the image: what its configuration says, or nothing in particular. */
function platformOf({ config }: ResolvedOptions): Pick<CommitRequest, "platform"> {
  if (config === undefined) return {};
  const { architecture, os, variant } = parseImageConfig(config.bytes, config.path);
  return { platform: { architecture, os, ...(typeof variant === "string" && { variant }) } };
}

function commit(
  options: ResolvedOptions,
  transaction: Transaction,
  tree: StoredTree,
  platform: Pick<CommitRequest, "platform">,
): BuildResult {
  const { metadata, blobs, ...counts } = tree;
  const fresh = blobs.filter((blob) => blob.temporary !== undefined);
  const staged = blobs.flatMap(({ temporary, hex }): StagedBlob[] =>
    temporary === undefined ? [] : [{ temporary, digest: hex }],
  );
  const stage = (bytes: Uint8Array): { digest: string; size: number } => {
    const blob = transaction.writeBlob(bytes);
    staged.push(blob);
    return { digest: blob.digest, size: bytes.length };
  };
  const rootfs = { ...stage(metadata), verity: fsVerityDigest(metadata).toString("hex") };
  const chunks = blobs.map(({ hex, size, compressed }) => ({ digest: hex, size, compressed }));
  const manifest = assembleManifest(rootfs, chunks, options.config && stage(options.config.bytes));
  const { digest, verity } = transaction.commit({ tag: options.tag, manifest, blobs: staged, ...platform });
  const newBytes = sum(fresh.map((blob) => blob.size));
  return {
    manifest: digest,
    manifestVerity: verity,
    metadata: rootfs.digest,
    ...counts,
    newBlobs: fresh.length,
    newBytes,
    savedBytes: Math.max(0, counts.bytes - newBytes),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** A layout inside the tree would be read while it is written, and then be part of the next image. */
function refuseInside(ociDir: string, rootfs: string): void {
  let tree: string;
  try {
    tree = realPath(rootfs);
  } catch (error) {
    throw readFailure(bytesOf(rootfs).toString("latin1"), "read", error);
  }
  const layout = nearestReal(absolutePath(ociDir));
  if (layout === tree || layout.startsWith(tree === sep ? sep : tree + sep)) {
    throw new BuildError(ociDir, `the image layout lies inside ${rootfs}, the tree to build from; put it elsewhere`);
  }
}

/** The real path of the nearest ancestor that exists. */
function nearestReal(path: string): string {
  try {
    return realPath(path);
  } catch (error) {
    if (path === dirname(path)) throw error;
    return nearestReal(dirname(path));
  }
}
