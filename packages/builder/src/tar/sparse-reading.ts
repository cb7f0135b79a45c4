/** The maps of sparse files, as the versions of GNU tar write them before the content. */
import type { ArchiveInput, Reading } from "./archive-input.ts";
import { BLOCK_BYTES } from "./header.ts";
import { decimal, fieldNumber } from "./numbers.ts";
import { SparseMapBuilder } from "./sparse-map.ts";

/** Pieces between holes, of one file: the map is in memory. */
export const MOST_PIECES = 1 << 20;

/** Digits before a newline. */
const LONGEST_LINE = 16;
const NEWLINE = 0x0a;
/** Of a pair in the old format: two fields of 12 bytes. */
const PAIR_BYTES = 24;

export interface FoundMap {
  builder: SparseMapBuilder;
  /** Bytes of the content that the map takes. */
  mapBytes: number;
  /** Size of the file with its holes. */
  realSize: number;
}

/** The map in the header of the old format, and in the blocks after it. Undefined if it is wrong. */
export function* readOldMap(input: ArchiveInput, header: Buffer): Reading<FoundMap | undefined> {
  const realSize = fieldNumber(header.subarray(483, 495));
  const builder = new SparseMapBuilder();
  if (realSize === undefined || !addPairs(builder, header, 386, 4)) return undefined;
  for (let continues = header[482] !== 0; continues;) {
    const block = yield* input.bytes(BLOCK_BYTES);
    if (!addPairs(builder, block, 0, 21)) return undefined;
    continues = block[504] !== 0 && builder.count <= MOST_PIECES;
  }
  return { builder, realSize, mapBytes: 0 };
}

/** Adds pairs of offset and length, up to one without a first digit. False if one is wrong. */
function addPairs(builder: SparseMapBuilder, block: Buffer, start: number, count: number): boolean {
  for (let at = start; at < start + count * PAIR_BYTES && block[at] !== 0; at += PAIR_BYTES) {
    const offset = fieldNumber(block.subarray(at, at + 12)) ?? -1;
    const length = fieldNumber(block.subarray(at + 12, at + PAIR_BYTES)) ?? -1;
    if (offset < 0 || length < 0 || !builder.add(offset, length)) return false;
  }
  return true;
}

/**
 * The map of version 1.0, in the first blocks of `size` bytes of content: lines with the number of pieces, then with start
 * and length of each. Undefined if it is wrong.
 */
export function* readMapBefore(input: ArchiveInput, size: number, realSize: number): Reading<FoundMap | undefined> {
  const builder = new SparseMapBuilder();
  const lines = new NumberLines();
  let mapBytes = 0;
  let pieces: number | undefined;
  let start: number | undefined;
  while (builder.count < (pieces ?? 1) && builder.count <= MOST_PIECES) {
    if (mapBytes + BLOCK_BYTES > size) return undefined;
    const block = yield* input.bytes(BLOCK_BYTES);
    mapBytes += BLOCK_BYTES;
    for (const value of lines.of(block)) {
      if (value === undefined) return undefined;
      if (pieces === undefined) pieces = value;
      else if (start === undefined) start = value;
      else if (builder.add(start, value)) start = undefined;
      else return undefined;
      if (builder.count === pieces) break;
    }
  }
  return { builder, realSize, mapBytes };
}

/** Lines that are numbers, in blocks that end anywhere. */
class NumberLines {
  #line = "";

  /** The numbers of the lines that end in a block; undefined for what is none. */
  *of(block: Buffer): Generator<number | undefined> {
    for (let at = 0; ;) {
      const end = block.indexOf(NEWLINE, at);
      this.#line += block.toString("latin1", at, end === -1 ? block.length : end);
      if (this.#line.length > LONGEST_LINE) return void (yield undefined);
      if (end === -1) return;
      yield decimal(this.#line);
      this.#line = "";
      at = end + 1;
    }
  }
}
