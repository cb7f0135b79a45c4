import { HOLE_BLOCK_BYTES } from "@puzzlefs/format";

/**
 * The parts of a file that are not in holes: `[start, end]` of each, flat and ascending, none empty, none adjacent. Their bytes are stored
 * one after another.
 */
export type SparseMap = readonly number[];

/** Bytes of data in a map. */
export function mappedBytes(map: SparseMap): number {
  let bytes = 0;
  for (let at = 0; at < map.length; at += 2) bytes += map[at + 1] - map[at];
  return bytes;
}

/**
 * The holes that an image keeps of a file, as of the same file in a directory: aligned blocks of 64 KiB, and to the end of the file. `[start,
 * end]` of each; other holes are zeros.
 */
export function* keptHoles(map: SparseMap, size: number): Generator<[start: number, end: number]> {
  if (size < HOLE_BLOCK_BYTES) return;
  for (let piece = 0; piece <= map.length; piece += 2) {
    const at = piece === 0 ? 0 : map[piece - 1];
    const next = map[piece] ?? size;
    const from = Math.ceil(at / HOLE_BLOCK_BYTES) * HOLE_BLOCK_BYTES;
    const to = next === size ? size : Math.floor(next / HOLE_BLOCK_BYTES) * HOLE_BLOCK_BYTES;
    if (to - from >= HOLE_BLOCK_BYTES) yield [from, to];
  }
}

/** Builds a map from the pairs that an archive has. */
export class SparseMapBuilder {
  readonly #map: number[] = [];
  /** Pairs so far. */
  count = 0;
  #end = 0;

  /** False if the piece overlaps those before it, or numbers are too large. */
  add(start: number, length: number): boolean {
    const end = start + length;
    if (start < this.#end || !Number.isSafeInteger(end)) return false;
    this.count++;
    this.#end = end;
    if (length === 0) return true;
    if (this.#map.at(-1) === start) this.#map[this.#map.length - 1] = end;
    else this.#map.push(start, end);
    return true;
  }

  /** The map of a file of `size` bytes; undefined if the pieces go beyond that. */
  finish(size: number): SparseMap | undefined {
    return this.#end > size ? undefined : this.#map;
  }
}
