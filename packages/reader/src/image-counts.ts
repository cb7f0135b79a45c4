import {
  type FileChunk,
  findInodeRecord,
  isHole,
  type Metadata,
  type StructList,
  ZERO_BLOB_DIGEST,
} from "@puzzlefs/format";
import type { BlobStore } from "@puzzlefs/oci";
import { type ImageTree, visibleInodes } from "./image-tree.ts";
import type { InodeKind } from "./tree.ts";
import { walkTree, type Visit } from "./walk-tree.ts";

/** How many inodes, blobs and bytes an image has. Only what its tree shows is counted, but for `layers`. */
export interface ImageCounts {
  /** Kinds are in the order in which a walk of the tree meets them. */
  inodes: { total: number; kinds: Partial<Record<InodeKind, number>> };
  /** Inodes in each layer, newest first. */
  layers: number[];
  /** Sum of file sizes, bytes, and what of it is in holes. */
  contentBytes: number;
  holeBytes: number;
  blobs: number;
  compressedBlobs: number;
  missingBlobs: number;
  storedBytes: number;
}

/** A piece of a file's content. All numbers are bytes. */
export interface FileRun {
  fileOffset: number;
  length: number;
  /** Hex sha256. */
  blob: string;
  /** In the uncompressed blob. */
  blobOffset: number;
  compressed: boolean;
  /** Read as zeros, without the blob. */
  hole: boolean;
}

/** @param store has the sizes of the image's blobs; a blob that it lacks counts as missing */
export function countImage(tree: ImageTree, store: Pick<BlobStore, "size">): ImageCounts {
  const { image } = tree.metadata;
  const { blobs, holeBytes } = contentOf(tree.metadata);
  return {
    inodes: { total: tree.inodeCount, kinds: countKinds(tree) },
    layers: [...image.metadatas].map(({ inodes }) => inodes.length),
    contentBytes: tree.contentBytes,
    holeBytes,
    blobs: blobs.size,
    compressedBlobs: [...blobs.values()].filter(Boolean).length,
    ...sumBlobs(blobs.keys(), store),
  };
}

function countKinds(tree: ImageTree): Partial<Record<InodeKind, number>> {
  const kinds: Partial<Record<InodeKind, number>> = {};
  const seen = new Set<number>();
  const enter = ({ attributes: { ino, kind } }: Visit): void => {
    if (seen.has(ino)) return;
    seen.add(ino);
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  };
  walkTree(tree, { enter });
  return kinds;
}

/** What the content of an image's files consists of. */
interface ImageContent {
  /** Whether a blob is compressed, by its hex sha256. */
  blobs: Map<string, boolean>;
  holeBytes: number;
}

function contentOf(metadata: Metadata): ImageContent {
  const blobs = new Map<string, boolean>();
  let holeBytes = 0;
  for (const { mode } of visibleInodes(metadata)) {
    if (mode.kind !== "file") continue;
    for (const { blob, compressed, hole, length } of runsOf(mode.file)) {
      blobs.set(blob, compressed);
      if (hole) holeBytes += length;
    }
  }
  return { blobs, holeBytes };
}

/** How many of a set of blobs, hex sha256, the store lacks, and the stored bytes of the others. */
function sumBlobs(
  blobs: Iterable<string>,
  store: Pick<BlobStore, "size">,
): Pick<ImageCounts, "missingBlobs" | "storedBytes"> {
  let missingBlobs = 0;
  let storedBytes = 0;
  for (const blob of blobs) {
    const size = store.size(blob);
    if (size === undefined) missingBlobs++;
    else storedBytes += size;
  }
  return { missingBlobs, storedBytes };
}

/** The pieces of a regular file's content, in the order of the file; none for other kinds and if there is no such inode. */
export function fileRuns(metadata: Metadata, ino: number): FileRun[] {
  const mode = findInodeRecord(metadata.image, ino)?.inode.mode;
  return mode?.kind === "file" ? [...runsOf(mode.file)] : [];
}

export function* runsOf(chunks: StructList<FileChunk>): Generator<FileRun> {
  let fileOffset = 0;
  for (const chunk of chunks) {
    const { digest, offset: blobOffset, compressed } = chunk.blob;
    const blob = Buffer.from(digest.toUint8Array()).toString("hex");
    yield { fileOffset, length: chunk.len, blob, blobOffset, compressed, hole: isHole(chunk, ZERO_BLOB_DIGEST) };
    fileOffset += chunk.len;
  }
}
