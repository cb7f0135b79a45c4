// Code generated from schema/content.ts by make codegen. DO NOT EDIT.
import { U53_END, failure, narrow, text, type Bytes } from "../runtime.ts";
import { type StructList } from "../struct-list.ts";
import { parseHex } from "./digest.ts";
import { FileChunk, Inode, InodeMode, InodeVector, type Rootfs } from "./metadata.ts";
import { compareNames, sameBytes } from "./names.ts";
import { Rule } from "./rules.ts";
import { dataField, element, listField, u53Field } from "./wire.ts";

/** Zeros in the blob to which holes refer: 1024 zstd frames of RLE blocks, then their seek table. */
export const ZERO_BLOB_BYTES = 0x40000000;

/** Zeros in each frame of that blob. */
export const ZERO_FRAME_BYTES = 0x100000;

/** Zeros in each RLE block of a frame of that blob. */
export const ZERO_BLOCK_BYTES = 0x20000;

/**
 * Builders write holes in aligned blocks of this size, bytes, and to the end of the file; the rest of a hole is zeros. So
 * data between small holes stays together in chunks, and file systems with blocks of up to this size report the same holes.
 */
export const HOLE_BLOCK_BYTES = 0x10000;

/** A run of a file: its index, and the byte of the file at which it starts. */
export interface ChunkPlace {
  readonly index: number;
  readonly start: number;
}

/** The run of a file that has byte `offset`; if the file is shorter, `index` is the number of runs. */
export function findChunk(chunks: StructList<FileChunk>, offset: number): ChunkPlace {
  let start: number = 0;
  for (let i = 0; i < chunks.length; i++) {
    const len = u53Field(element(chunks.part, i), 0);
    if ((offset > start ? offset - start : 0) < len && offset >= start) {
      return { index: i, start: start };
    }
    start = sum(start, len);
  }
  return { index: chunks.length, start: start };
}

/** Size of a file, bytes; validate has checked that it does not overflow. */
export function fileSize(chunks: StructList<FileChunk>): number {
  let size: number = 0;
  for (let chunkList = chunks.part, chunkIndex = 0; chunkIndex < chunkList.count; chunkIndex++) {
    const chunk = new FileChunk(element(chunkList, chunkIndex));
    size = sum(size, chunk.len);
  }
  return size;
}

/** Writes the sha256 of the stored blob of zeros into 32 bytes. */
export function zeroBlobDigest(digest: Uint8Array): boolean {
  return parseHex(text("52074b2358a884b000a1a5d2d12befe0bd12c5a50e59bc218fbb702cd136418d"), digest);
}

/** Whether a run is a hole: inside the blob of zeros, and with `compressed`. `zeros` is the digest of that blob. */
export function isHole(chunk: FileChunk, zeros: Bytes): boolean {
  const blob = chunk.blob;
  if (!blob.compressed || !sameBytes(blob.digest, zeros)) {
    return false;
  }
  return chunk.len <= (ZERO_BLOB_BYTES > blob.offset ? ZERO_BLOB_BYTES - blob.offset : 0);
}

/** Size of a file without its holes, bytes. */
export function dataSize(chunks: StructList<FileChunk>, zeros: Bytes): number {
  let size: number = 0;
  for (let chunkList = chunks.part, chunkIndex = 0; chunkIndex < chunkList.count; chunkIndex++) {
    const chunk = new FileChunk(element(chunkList, chunkIndex));
    if (!isHole(chunk, zeros)) {
      size = sum(size, chunk.len);
    }
  }
  return size;
}

/** Bytes of all visible files, each once, at most U53_END: statfs(2) returns this. `links` was filled by validate. */
export function contentBytes(image: Rootfs, links: Uint32Array): number {
  let bytes: number = 0;
  let ordinal: number = 0;
  for (let layerList = listField(image.part, 0), layerIndex = 0; layerIndex < layerList.count; layerIndex++) {
    const layer = new InodeVector(element(layerList, layerIndex));
    for (let inodeList = listField(layer.part, 0), inodeIndex = 0; inodeIndex < inodeList.count; inodeIndex++) {
      const inode = new Inode(element(inodeList, inodeIndex));
      if ((links[ordinal] ?? 0) !== 0 && InodeMode.kindOf(inode.part) === "file") {
        bytes = sum(bytes, fileSize(inode.mode.file));
      }
      ordinal = narrow(ordinal) + 1;
    }
  }
  return bytes;
}

/** Checks, after a blob was opened, that a run of inode `ino` ends inside its `blobBytes` of uncompressed content. */
export function checkRunEnd(end: number, blobBytes: number, ino: number): void {
  if (end > blobBytes) {
    throw failure(Rule["chunk-outside-blob"], ino, blobBytes);
  }
}

/** a + b, at most U53_END. */
function sum(a: number, b: number): number {
  const room = U53_END > a ? U53_END - a : 0;
  const left = room > b ? room - b : 0;
  return U53_END > left ? U53_END - left : 0;
}

/** The fs-verity digest that the image records for blob `digest`. In a list that does not ascend some are not found. */
export function findVerity(image: Rootfs, digest: Bytes): Bytes | undefined {
  const list = image.fsVerityData;
  let low: number = 0;
  let high: number = list.length;
  for (let measure = 0, bound = Infinity; low < high; bound = measure) {
    measure = high > low ? high - low : 0;
    if (measure > bound / 2 || bound === 0) break;
    const middle = Math.floor((low + high) / 2);
    if (compareNames(dataField(element(list.part, middle), 0), digest) === 0) {
      low = narrow(middle + 1);
    } else {
      high = middle;
    }
  }
  if (low >= list.length || !sameBytes(dataField(element(list.part, low), 0), digest)) {
    return undefined;
  }
  return dataField(element(list.part, low), 1);
}
