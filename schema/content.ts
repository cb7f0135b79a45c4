/** Finding content in a validated image: runs of files, chunks of blobs, and what is recorded of blobs. */
import { parseHex } from "./digest.ts";
import { decreases, difference, fail, text, u32 } from "./language.ts";
import type { Bytes, Items, Scratch, Value, u53, u8 } from "./language.ts";
import type { Chunk, FileChunk, Rootfs } from "./metadata.ts";
import { compareNames, sameBytes } from "./names.ts";

/** A run of a file: which one, and where in the file it starts. */
export interface ChunkPlace extends Value {
  index: u32;
  start: u53;
}

/** An entry of the image's table of chunks, and its index there. */
export interface TableChunk extends Value {
  index: u32;
  chunk: Chunk;
}

/** The run of a file that holds byte `offset`; where the file is shorter, `index` is the number of runs. */
export function findChunk(chunks: Items<FileChunk>, offset: u53): ChunkPlace {
  let start: u53 = 0;
  for (let i: u32 = 0; i < chunks.length; i++) {
    const len: u53 = chunks[i].len;
    if (difference(offset, start) < len && offset >= start) return { index: i, start: start };
    start = sum(start, len);
  }
  return { index: chunks.length, start: start };
}

/** Size of a file, bytes; validate has seen that it does not overflow. */
export function fileSize(chunks: Items<FileChunk>): u53 {
  let size: u53 = 0;
  for (const chunk of chunks) size = sum(size, chunk.len);
  return size;
}

/** A hole refers to the blob of zeros, which holds this many: 1024 zstd frames of RLE blocks, then their seek table. */
export const ZERO_BLOB_BYTES: u53 = 1073741824;
/** Zeros in each frame of that blob. */
export const ZERO_FRAME_BYTES: u32 = 1048576;

/** Puts the sha256 of the blob of zeros, as it is stored, into 32 bytes. */
export function zeroBlobDigest(digest: Scratch<u8>): boolean {
  return parseHex(text("52074b2358a884b000a1a5d2d12befe0bd12c5a50e59bc218fbb702cd136418d"), digest);
}

/** Whether a run is a hole: inside the blob of zeros, read as the compressed blob that it is. `zeros` is its digest. */
export function isHole(chunk: FileChunk, zeros: Bytes): boolean {
  const blob = chunk.blob;
  if (!blob.compressed || !sameBytes(blob.digest, zeros)) return false;
  return chunk.len <= difference(ZERO_BLOB_BYTES, blob.offset);
}

/** Size of a file without its holes, bytes. */
export function dataSize(chunks: Items<FileChunk>, zeros: Bytes): u53 {
  let size: u53 = 0;
  for (const chunk of chunks) if (!isHole(chunk, zeros)) size = sum(size, chunk.len);
  return size;
}

/** Bytes of all visible files, each once, or 2^53 where that is more: what statfs(2) tells. `links` is what validate left. */
export function contentBytes(image: Rootfs, links: Scratch<u32>): u53 {
  let bytes: u53 = 0;
  let ordinal: u53 = 0;
  for (const layer of image.metadatas) {
    for (const inode of layer.inodes) {
      if (links[ordinal] !== 0 && inode.mode.kind === "file") bytes = sum(bytes, fileSize(inode.mode.file));
      ordinal = u32(ordinal) + 1;
    }
  }
  return bytes;
}

/** Checks, once a blob is open, that a run of inode `ino` ends inside its `blobBytes` of uncompressed content. */
export function checkRunEnd(end: u53, blobBytes: u53, ino: u53): void {
  if (end > blobBytes) fail("chunk-outside-blob", ino, blobBytes);
}

const SUM_LIMIT: u53 = 9007199254740992;

/** a + b, or 2^53 where that is more. */
function sum(a: u53, b: u53): u53 {
  const room: u53 = difference(SUM_LIMIT, a);
  const left: u53 = difference(room, b);
  return difference(SUM_LIMIT, left);
}

/** The fs-verity digest that the image records for blob `digest`. A list that does not ascend may hide some. */
export function findVerity(image: Rootfs, digest: Bytes): Bytes | undefined {
  const list = image.fsVerityData;
  let low: u32 = 0;
  let high: u32 = list.length;
  while (low < high) {
    decreases(high - low);
    const middle: u32 = (low + high) / 2;
    if (compareNames(list[middle].digest, digest) === 0) low = u32(middle + 1);
    else high = middle;
  }
  if (low >= list.length || !sameBytes(list[low].digest, digest)) return undefined;
  return list[low].verity;
}

/** How many entries of the table of chunks start at or before byte `offset` of blob `digest`, or belong to a lesser one. */
function entriesUpTo(chunks: Items<Chunk>, digest: Bytes, offset: u53): u32 {
  let low: u32 = 0;
  let high: u32 = chunks.length;
  while (low < high) {
    decreases(high - low);
    const middle: u32 = (low + high) / 2;
    const blob = chunks[middle].blob;
    const comparison: u32 = compareNames(blob.digest, digest);
    if (comparison === 0 || (comparison === 1 && blob.offset <= offset)) low = u32(middle + 1);
    else high = middle;
  }
  return low;
}

/** The chunk of the table that holds byte `offset` of the uncompressed content of blob `digest`. */
export function findTableChunk(image: Rootfs, digest: Bytes, compressed: boolean, offset: u53): TableChunk | undefined {
  const chunks = image.chunks;
  const count: u32 = entriesUpTo(chunks, digest, offset);
  const index: u32 = u32(difference(count, 1));
  const chunk = chunks[index];
  const blob = chunk.blob;
  if (index >= chunks.length || blob.compressed !== compressed) return undefined;
  if (!sameBytes(blob.digest, digest) || offset < blob.offset) return undefined;
  if (difference(offset, blob.offset) >= chunk.length) return undefined;
  return { index: index, chunk: chunk };
}
