import { HOLE_BLOCK_BYTES } from "@puzzlefs/format";

/** A part of a file: a hole that an image keeps, or what is between holes. It ends at byte `end`. */
export interface Part {
  hole: boolean;
  end: number;
}

/** The next data and the next hole from a byte on; undefined: none up to the end of the file. */
export interface Sparseness {
  data(from: number): number | undefined;
  hole(from: number): number | undefined;
}

/** The parts of a sparse file, in order. Holes count in aligned blocks, and to the end of the file (docs/format.md §3). */
export function* partsOf(size: number, sparse: Sparseness): Generator<Part> {
  /** How much of the file is in parts. */
  let done = 0;
  for (let at = 0; at < size;) {
    const data = Math.min(sparse.data(at) ?? size, size);
    const from = Math.ceil(at / HOLE_BLOCK_BYTES) * HOLE_BLOCK_BYTES;
    const to = data === size ? size : Math.floor(data / HOLE_BLOCK_BYTES) * HOLE_BLOCK_BYTES;
    if (to - from >= HOLE_BLOCK_BYTES) {
      if (from > done) yield { hole: false, end: from };
      yield { hole: true, end: to };
      done = to;
    }
    at = data === size ? size : Math.min(sparse.hole(data) ?? size, size);
  }
  if (size > done) yield { hole: false, end: size };
}
