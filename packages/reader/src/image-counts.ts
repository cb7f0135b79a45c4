import { findInodeRecord, isHole, ZERO_BLOB_DIGEST, type Metadata } from "@puzzlefs/format";
import { walkTree, type ImageTree, type InodeKind, type Visit } from "@puzzlefs/reader";
import { formatDigestBytes } from "./verity-targets.ts";

/** What `inspect` says of an image. */
export interface ImageCounts {
  inodes: { total: number; kinds: Partial<Record<InodeKind, number>> };
  /** Inodes in each layer, newest first. */
  layers: number[];
  /** Sum of file sizes, bytes, and what of it is in holes. */
  contentBytes: number;
  holeBytes: number;
  /** Chunks listed in the table of chunks, where there is one; otherwise a blob is a chunk. */
  chunks: number;
  blobs: number;
  compressedBlobs: number;
  missingBlobs: number;
  storedBytes: number;
  /** Whether blobs hold several chunks, with a table of them. */
  packed: boolean;
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

/** @param blobSize size of a blob by its hex sha256, undefined when the layout does not have it */
export function countImage(tree: ImageTree, blobSize: (hex: string) => number | undefined): ImageCounts {
  const { image } = tree.metadata;
  const blobs = new Map<string, boolean>();
  const kinds: Partial<Record<InodeKind, number>> = {};
  const seen = new Set<number>();
  let holeBytes = 0;
  const enter = ({ attributes: { ino, kind } }: Visit): void => {
    if (seen.has(ino)) return;
    seen.add(ino);
    kinds[kind] = (kinds[kind] ?? 0) + 1;
    for (const { blob, compressed, hole, length } of fileRuns(tree.metadata, ino)) {
      blobs.set(blob, compressed);
      if (hole) holeBytes += length;
    }
  };
  walkTree(tree, { enter });
  const sizes = [...blobs.keys()].map(blobSize);
  return {
    inodes: { total: tree.inodeCount, kinds },
    layers: [...image.metadatas].map(({ inodes }) => inodes.length),
    contentBytes: tree.contentBytes,
    holeBytes,
    chunks: Math.max(blobs.size, image.chunks.length),
    blobs: blobs.size,
    compressedBlobs: [...blobs.values()].filter(Boolean).length,
    missingBlobs: sizes.filter((size) => size === undefined).length,
    storedBytes: sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0),
    packed: image.chunks.length > blobs.size,
  };
}

/** Where the content of a regular file lies; nothing for other kinds. */
export function fileRuns(metadata: Metadata, ino: number): FileRun[] {
  const mode = findInodeRecord(metadata.image, ino)?.inode.mode;
  if (mode?.kind !== "file") return [];
  const runs: FileRun[] = [];
  let fileOffset = 0;
  for (const chunk of mode.file) {
    const { blob, len } = chunk;
    const { offset: blobOffset, compressed } = blob;
    const hex = formatDigestBytes(blob.digest.toUint8Array());
    const hole = isHole(chunk, ZERO_BLOB_DIGEST);
    runs.push({ fileOffset, length: len, blob: hex, blobOffset, compressed, hole });
    fileOffset += len;
  }
  return runs;
}
