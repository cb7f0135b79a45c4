// Code generated from schema/seektable.ts by make codegen. DO NOT EDIT.
import { checkedAdd, failure, narrow, type Bytes } from "../runtime.ts";
import { putU32 } from "./littleendian.ts";
import { Rule } from "./rules.ts";

/** The last bytes of the table: the number of frames, a descriptor, a magic number. */
export const SEEK_FOOTER_BYTES = 9;

/** The header of the skippable frame: a magic number and the size of the rest. */
export const SKIPPABLE_HEADER_BYTES = 8;

/** An entry: the stored and the uncompressed size of a frame. */
export const SEEK_ENTRY_BYTES = 8;

const CHECKSUM_BYTES = 4;

export const SEEKABLE_MAGIC = 0x8f92eab1;

export const SKIPPABLE_MAGIC = 0x184d2a5e;

const CHECKSUM_FLAG = 0x80;

const RESERVED_FLAGS = 0x7c;

/** Largest number of frames: the limit of zstd's own reader. */
export const MAX_FRAMES = 0x8000000;

/** Bytes of the smallest frame: a magic number, a descriptor, the size of window or content, and the header of a block. */
export const MIN_FRAME_BYTES = 9;

/** Largest uncompressed size of a frame, bytes: a reader decompresses frames whole. */
export const MAX_FRAME_BYTES = 0x1000000;

/** Where the seek table of a blob is, and the form of its entries. */
export interface SeekFooter {
  readonly frames: number;
  /** Bytes of an entry: 8, or 12 with a checksum. */
  readonly entryBytes: number;
  /** Bytes of the skippable frame, which ends with the blob. */
  readonly tableBytes: number;
}

/** An upper bound of the bytes that zstd stores for `content` bytes that do not compress: ZSTD_compressBound and a margin. */
function storedBound(content: number): number {
  return content + (content >>> 8) + 64;
}

/** Reads the last SEEK_FOOTER_BYTES of a blob of `blobBytes`. */
export function readSeekFooter(footer: Bytes, blobBytes: number): SeekFooter {
  if (footer.length !== SEEK_FOOTER_BYTES) {
    throw failure(Rule["seek-table-truncated"], 0, 0);
  }
  if (footer.u32(5) !== SEEKABLE_MAGIC) {
    throw failure(Rule["seek-table-magic"], 0, blobBytes);
  }
  const frames = footer.u32(0);
  const flags = footer.at(4);
  if ((flags & RESERVED_FLAGS) !== 0) {
    throw failure(Rule["seek-table-flags"], 0, blobBytes);
  }
  if (frames > MAX_FRAMES) {
    throw failure(Rule["seek-table-frames"], 0, blobBytes);
  }
  const entryBytes = (flags & CHECKSUM_FLAG) === 0 ? SEEK_ENTRY_BYTES : SEEK_ENTRY_BYTES + CHECKSUM_BYTES;
  const tableBytes = frames * entryBytes + SEEK_FOOTER_BYTES + SKIPPABLE_HEADER_BYTES;
  if (tableBytes > blobBytes) {
    throw failure(Rule["seek-table-truncated"], 0, blobBytes);
  }
  return { frames: frames, entryBytes: entryBytes, tableBytes: tableBytes };
}

/**
 * Reads the whole table of a blob of `blobBytes`: where each frame starts, `stored` in the blob and `content` in its
 * uncompressed bytes; one more start ends the last frame. Returns the uncompressed size. Both have room for frames + 1.
 */
export function readSeekTable(
  table: Bytes,
  footer: SeekFooter,
  blobBytes: number,
  stored: Float64Array,
  content: Float64Array,
): number {
  if (table.length !== footer.tableBytes) {
    throw failure(Rule["seek-table-truncated"], 0, 0);
  }
  if (table.u32(0) !== SKIPPABLE_MAGIC) {
    throw failure(Rule["seek-table-magic"], 0, 0);
  }
  if (table.u32(4) !== (table.length > SKIPPABLE_HEADER_BYTES ? table.length - SKIPPABLE_HEADER_BYTES : 0)) {
    throw failure(Rule["seek-table-size"], 0, 4);
  }
  let storedAt: number = 0;
  let contentAt: number = 0;
  for (let i = 0; i < footer.frames; i++) {
    const entry = i * footer.entryBytes + SKIPPABLE_HEADER_BYTES;
    if (table.u32(entry) < MIN_FRAME_BYTES) {
      throw failure(Rule["seek-table-frame-too-small"], 0, entry);
    }
    if (table.u32(entry + 4) === 0 && i + 1 < footer.frames) {
      throw failure(Rule["seek-table-empty-frame"], 0, entry);
    }
    if (table.u32(entry + 4) > MAX_FRAME_BYTES) {
      throw failure(Rule["seek-table-frame-too-large"], 0, entry);
    }
    if (table.u32(entry) > storedBound(table.u32(entry + 4))) {
      throw failure(Rule["seek-table-stored-too-large"], 0, entry);
    }
    if (table.u32(entry) > (blobBytes > storedAt ? blobBytes - storedAt : 0)) {
      throw failure(Rule["seek-table-sum"], 0, entry);
    }
    stored[i] = storedAt;
    content[i] = contentAt;
    storedAt = checkedAdd(storedAt, table.u32(entry));
    contentAt = checkedAdd(contentAt, table.u32(entry + 4));
  }
  stored[footer.frames] = storedAt;
  content[footer.frames] = contentAt;
  const end = checkedAdd(storedAt, table.length);
  if (end !== blobBytes) {
    throw failure(Rule["seek-table-sum"], 0, 0);
  }
  return contentAt;
}

/** The frame that has byte `offset` of the uncompressed bytes; `frames` if there is none. */
export function findFrame(content: Float64Array, frames: number, offset: number): number {
  if (offset >= (content[frames] ?? 0)) {
    return frames;
  }
  let low: number = 0;
  let high: number = frames;
  for (let measure = 0, bound = Infinity; low < high; bound = measure) {
    measure = high > low ? high - low : 0;
    if (measure > bound / 2 || bound === 0) break;
    const middle = Math.floor((low + high) / 2);
    if ((content[narrow(middle + 1)] ?? 0) <= offset) {
      low = narrow(middle + 1);
    } else {
      high = middle;
    }
  }
  return low;
}

/** Bytes of the seek table, without checksums, of `frames` frames. */
export function seekTableBytes(frames: number): number {
  return frames * SEEK_ENTRY_BYTES + SKIPPABLE_HEADER_BYTES + SEEK_FOOTER_BYTES;
}

/**
 * Writes the seek table of `frames` frames, at most MAX_FRAMES: `stored` has the stored size of each, `content` the
 * uncompressed one. `table` has room for seekTableBytes(frames). Frames have no checksums: the blob has its sha256.
 */
export function writeSeekTable(table: Uint8Array, stored: Uint32Array, content: Uint32Array, frames: number): void {
  const bytes = seekTableBytes(frames);
  putU32(table, 0, SKIPPABLE_MAGIC);
  putU32(table, 4, narrow(bytes > SKIPPABLE_HEADER_BYTES ? bytes - SKIPPABLE_HEADER_BYTES : 0));
  for (let i = 0; i < frames; i++) {
    const entry = i * SEEK_ENTRY_BYTES + SKIPPABLE_HEADER_BYTES;
    putU32(table, entry, stored[i] ?? 0);
    putU32(table, entry + 4, content[i] ?? 0);
  }
  const footer = bytes > SEEK_FOOTER_BYTES ? bytes - SEEK_FOOTER_BYTES : 0;
  putU32(table, footer, frames);
  table[footer + 4] = 0;
  putU32(table, footer + 5, SEEKABLE_MAGIC);
}
