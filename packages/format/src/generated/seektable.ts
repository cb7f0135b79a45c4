// Code generated from schema/seektable.ts by make codegen. DO NOT EDIT.
import { checkedAdd, failure, narrow, type Bytes } from "../runtime.ts";
import { Rule } from "./rules.ts";

/** The table's last bytes: the number of frames, a descriptor, a magic number. */
export const SEEK_FOOTER_BYTES = 9;

/** The skippable frame's header: a magic number and its size. */
const SKIPPABLE_HEADER_BYTES = 8;

const SEEKABLE_MAGIC = 2408770225;

const SKIPPABLE_MAGIC = 407710302;

const CHECKSUM_FLAG = 128;

const RESERVED_FLAGS = 124;

/** As many frames as zstd's own reader takes. */
export const MAX_FRAMES = 134217728;

/** No frame holds more: a reader can always decompress one whole. */
export const MAX_FRAME_BYTES = 16777216;

/** What the last bytes of a blob say of its seek table. */
export interface SeekFooter {
  readonly frames: number;
  /** Bytes an entry: 8, or 12 with a checksum. */
  readonly entryBytes: number;
  /** The whole skippable frame: the table starts that many bytes before the end of the blob. */
  readonly tableBytes: number;
}

/** At least as many bytes as zstd makes of `content` ones, however little they compress: ZSTD_compressBound and a little. */
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
  const entryBytes = (flags & CHECKSUM_FLAG) === 0 ? 8 : 12;
  const tableBytes = frames * entryBytes + SEEK_FOOTER_BYTES + SKIPPABLE_HEADER_BYTES;
  if (tableBytes > blobBytes) {
    throw failure(Rule["seek-table-truncated"], 0, blobBytes);
  }
  return { frames: frames, entryBytes: entryBytes, tableBytes: tableBytes };
}

/**
 * Reads the whole table of a blob of `blobBytes`: where each frame starts, `stored` in the blob and `content` in its
 * uncompressed bytes; one more start ends the last frame. Gives the uncompressed size. Both have room for frames + 1.
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

/** The frame that holds byte `offset` of the uncompressed bytes; `frames` where none does. */
export function findFrame(content: Float64Array, frames: number, offset: number): number {
  if (offset >= (content[frames] ?? 0)) {
    return frames;
  }
  let low: number = 0;
  let high: number = frames;
  for (let measure = 0, bound = Infinity; low < high; bound = measure) {
    measure = high > low ? high - low : 0;
    if (measure >= bound) break;
    const middle = Math.floor((low + high) / 2);
    if ((content[narrow(middle + 1)] ?? 0) <= offset) {
      low = narrow(middle + 1);
    } else {
      high = middle;
    }
  }
  return low;
}
