/**
 * The seek table at the end of a compressed blob: zstd's seekable format.
 *
 * Independent frames, then a skippable frame that lists their sizes, stored and uncompressed.
 * Source: contrib/seekable_format/zstd_seekable_compression_format.md of the zstd project.
 */
import { difference, fail, halves, u32 } from "./language.ts";
import type { Bytes, Scratch, Value, u53, u8 } from "./language.ts";
import { putU32 } from "./littleendian.ts";

/** The last bytes of the table: the number of frames, a descriptor, a magic number. */
export const SEEK_FOOTER_BYTES: u32 = 9;
/** The header of the skippable frame: a magic number and the size of the rest. */
export const SKIPPABLE_HEADER_BYTES: u32 = 8;
/** An entry: the stored and the uncompressed size of a frame. */
export const SEEK_ENTRY_BYTES: u32 = 8;
const CHECKSUM_BYTES: u32 = 4;
export const SEEKABLE_MAGIC: u32 = 0x8f92eab1;
export const SKIPPABLE_MAGIC: u32 = 0x184d2a5e;
const CHECKSUM_FLAG: u32 = 0x80;
const RESERVED_FLAGS: u32 = 0x7c;
/** Largest number of frames: the limit of zstd's own reader. */
export const MAX_FRAMES: u32 = 0x8000000;
/** Bytes of the smallest frame: a magic number, a descriptor, the size of window or content, and the header of a block. */
export const MIN_FRAME_BYTES: u32 = 9;
/** Largest uncompressed size of a frame, bytes: a reader decompresses frames whole. */
export const MAX_FRAME_BYTES: u32 = 0x1000000;

/** An upper bound of the bytes that zstd stores for `content` bytes that do not compress: ZSTD_compressBound and a margin. */
function storedBound(content: u32): u53 {
  return content + content / 256 + 64;
}

/** Where the seek table of a blob is, and the form of its entries. */
export interface SeekFooter extends Value {
  frames: u32;
  /** Bytes of an entry: 8, or 12 with a checksum. */
  entryBytes: u8;
  /** Bytes of the skippable frame, which ends with the blob. */
  tableBytes: u53;
}

/** Reads the last SEEK_FOOTER_BYTES of a blob of `blobBytes`. */
export function readSeekFooter(footer: Bytes, blobBytes: u53): SeekFooter {
  if (footer.length !== SEEK_FOOTER_BYTES) fail("seek-table-truncated", 0, 0);
  if (footer.u32(5) !== SEEKABLE_MAGIC) fail("seek-table-magic", 0, blobBytes);
  const frames: u32 = footer.u32(0);
  const flags: u32 = footer[4];
  if ((flags & RESERVED_FLAGS) !== 0) fail("seek-table-flags", 0, blobBytes);
  if (frames > MAX_FRAMES) fail("seek-table-frames", 0, blobBytes);
  const entryBytes: u32 = (flags & CHECKSUM_FLAG) === 0 ? SEEK_ENTRY_BYTES : SEEK_ENTRY_BYTES + CHECKSUM_BYTES;
  const tableBytes: u53 = frames * entryBytes + SEEK_FOOTER_BYTES + SKIPPABLE_HEADER_BYTES;
  if (tableBytes > blobBytes) fail("seek-table-truncated", 0, blobBytes);
  return { frames: frames, entryBytes: entryBytes, tableBytes: tableBytes };
}

/**
 * Reads the whole table of a blob of `blobBytes`: where each frame starts, `stored` in the blob and `content` in its
 * uncompressed bytes; one more start ends the last frame. Returns the uncompressed size. Both have room for frames + 1.
 */
export function readSeekTable(
  table: Bytes,
  footer: SeekFooter,
  blobBytes: u53,
  stored: Scratch<u53>,
  content: Scratch<u53>,
): u53 {
  if (table.length !== footer.tableBytes) fail("seek-table-truncated", 0, 0);
  if (table.u32(0) !== SKIPPABLE_MAGIC) fail("seek-table-magic", 0, 0);
  if (table.u32(4) !== difference(table.length, SKIPPABLE_HEADER_BYTES)) fail("seek-table-size", 0, 4);
  let storedAt: u53 = 0;
  let contentAt: u53 = 0;
  for (let i: u32 = 0; i < footer.frames; i++) {
    const entry: u53 = i * footer.entryBytes + SKIPPABLE_HEADER_BYTES;
    if (table.u32(entry) < MIN_FRAME_BYTES) fail("seek-table-frame-too-small", 0, entry);
    // The Rust tool ends a blob of whole frames with an empty one.
    if (table.u32(entry + 4) === 0 && i + 1 < footer.frames) fail("seek-table-empty-frame", 0, entry);
    if (table.u32(entry + 4) > MAX_FRAME_BYTES) fail("seek-table-frame-too-large", 0, entry);
    if (table.u32(entry) > storedBound(table.u32(entry + 4))) fail("seek-table-stored-too-large", 0, entry);
    if (table.u32(entry) > difference(blobBytes, storedAt)) fail("seek-table-sum", 0, entry);
    stored[i] = storedAt;
    content[i] = contentAt;
    storedAt = storedAt + table.u32(entry);
    contentAt = contentAt + table.u32(entry + 4);
  }
  stored[footer.frames] = storedAt;
  content[footer.frames] = contentAt;
  const end = storedAt + table.length;
  if (end !== blobBytes) fail("seek-table-sum", 0, 0);
  return contentAt;
}

/** The frame that has byte `offset` of the uncompressed bytes; `frames` if there is none. */
export function findFrame(content: Scratch<u53>, frames: u32, offset: u53): u32 {
  if (offset >= content[frames]) return frames;
  let low: u32 = 0;
  let high: u32 = frames;
  while (low < high) {
    halves(high - low);
    const middle: u32 = (low + high) / 2;
    // The last frame that starts at or before the offset: empty frames are skipped.
    if (content[u32(middle + 1)] <= offset) low = u32(middle + 1);
    else high = middle;
  }
  return low;
}

/** Bytes of the seek table, without checksums, of `frames` frames. */
export function seekTableBytes(frames: u32): u53 {
  return frames * SEEK_ENTRY_BYTES + SKIPPABLE_HEADER_BYTES + SEEK_FOOTER_BYTES;
}

/**
 * Writes the seek table of `frames` frames, at most MAX_FRAMES: `stored` has the stored size of each, `content` the
 * uncompressed one. `table` has room for seekTableBytes(frames). Frames have no checksums: the blob has its sha256.
 */
export function writeSeekTable(table: Scratch<u8>, stored: Scratch<u32>, content: Scratch<u32>, frames: u32): void {
  const bytes: u53 = seekTableBytes(frames);
  putU32(table, 0, SKIPPABLE_MAGIC);
  putU32(table, 4, u32(difference(bytes, SKIPPABLE_HEADER_BYTES)));
  for (let i: u32 = 0; i < frames; i++) {
    const entry: u53 = i * SEEK_ENTRY_BYTES + SKIPPABLE_HEADER_BYTES;
    putU32(table, entry, stored[i]);
    putU32(table, entry + 4, content[i]);
  }
  const footer: u53 = difference(bytes, SEEK_FOOTER_BYTES);
  putU32(table, footer, frames);
  table[footer + 4] = 0;
  putU32(table, footer + 5, SEEKABLE_MAGIC);
}
