/** Finding content in a validated image: runs of files, holes, and fs-verity digests of blobs. */
import { parseHex } from "./digest.ts";
import { difference, fail, halves, text, u32, U53_END } from "./language.ts";
import type { Bytes, Items, Scratch, Value, u53, u8 } from "./language.ts";
import type { FileChunk, Rootfs } from "./metadata.ts";
import { compareNames, sameBytes } from "./names.ts";

/** A run of a file: its index, and the byte of the file at which it starts. */
export interface ChunkPlace extends Value {
  index: u32;
  start: u53;
}

/** The run of a file that has byte `offset`; if the file is shorter, `index` is the number of runs. */
export function findChunk(chunks: Items<FileChunk>, offset: u53): ChunkPlace {
  let start: u53 = 0;
  for (let i: u32 = 0; i < chunks.length; i++) {
    const len: u53 = chunks[i].len;
    if (difference(offset, start) < len && offset >= start) return { index: i, start: start };
    start = sum(start, len);
  }
  return { index: chunks.length, start: start };
}

/** Size of a file, bytes; validate has checked that it does not overflow. */
export function fileSize(chunks: Items<FileChunk>): u53 {
  let size: u53 = 0;
  for (const chunk of chunks) size = sum(size, chunk.len);
  return size;
}

/** Zeros in the blob to which holes refer: 1024 zstd frames of RLE blocks, then their seek table. */
export const ZERO_BLOB_BYTES: u53 = 0x40000000;
/** Zeros in each frame of that blob. */
export const ZERO_FRAME_BYTES: u32 = 0x100000;
/** Zeros in each RLE block of a frame of that blob. */
export const ZERO_BLOCK_BYTES: u32 = 0x20000;
/**
 * Builders write holes in aligned blocks of this size, bytes, and to the end of the file; the rest of a hole is zeros. So
 * data between small holes stays together in chunks, and file systems with blocks of up to this size report the same holes.
 */
export const HOLE_BLOCK_BYTES: u32 = 0x10000;

/** Writes the sha256 of the stored blob of zeros into 32 bytes. */
export function zeroBlobDigest(digest: Scratch<u8>): boolean {
  return parseHex(text("52074b2358a884b000a1a5d2d12befe0bd12c5a50e59bc218fbb702cd136418d"), digest);
}

/** Whether a run is a hole: inside the blob of zeros, and with `compressed`. `zeros` is the digest of that blob. */
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

/** Bytes of all visible files, each once, at most U53_END: statfs(2) returns this. `links` was filled by validate. */
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

/** Checks, after a blob was opened, that a run of inode `ino` ends inside its `blobBytes` of uncompressed content. */
export function checkRunEnd(end: u53, blobBytes: u53, ino: u53): void {
  if (end > blobBytes) fail("chunk-outside-blob", ino, blobBytes);
}

/** a + b, at most U53_END. */
function sum(a: u53, b: u53): u53 {
  const room: u53 = difference(U53_END, a);
  const left: u53 = difference(room, b);
  return difference(U53_END, left);
}

/** The fs-verity digest that the image records for blob `digest`. In a list that does not ascend some are not found. */
export function findVerity(image: Rootfs, digest: Bytes): Bytes | undefined {
  const list = image.fsVerityData;
  let low: u32 = 0;
  let high: u32 = list.length;
  while (low < high) {
    halves(high - low);
    const middle: u32 = (low + high) / 2;
    if (compareNames(list[middle].digest, digest) === 0) low = u32(middle + 1);
    else high = middle;
  }
  if (low >= list.length || !sameBytes(list[low].digest, digest)) return undefined;
  return list[low].verity;
}
