import { ftruncateSync, writeSync } from "node:fs";
import { readContent } from "./path-queries.ts";
import type { Attributes, Tree } from "./tree.ts";

/** A zero run of this many bytes, aligned to as many, becomes a hole: the block size of common file systems. */
const blockSize = 4096;
const zeroBlock = Buffer.alloc(blockSize);

/** Writes a file from its start, leaving holes where whole blocks are zero. The file is empty to begin with. */
export class SparseWriter {
  readonly #descriptor: number;
  #position = 0;
  #written = 0;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** Appends; all pieces but the last, and the last before a hole, have a multiple of 4096 bytes. */
  append(bytes: Uint8Array): void {
    let pendingFrom = 0;
    for (let at = 0; at + blockSize <= bytes.length; at += blockSize) {
      // The first and last bytes are compared first: most blocks that are not zero differ there.
      if (bytes[at] !== 0 || bytes[at + blockSize - 1] !== 0) continue;
      if (zeroBlock.compare(bytes, at, at + blockSize) !== 0) continue;
      this.#write(bytes, pendingFrom, at);
      pendingFrom = at + blockSize;
    }
    this.#write(bytes, pendingFrom, bytes.length);
    this.#position += bytes.length;
  }

  /** Appends a hole. */
  skip(length: number): void {
    this.#position += length;
  }

  /** Sets the size of the file if it ends in a hole. */
  finish(): void {
    if (this.#written < this.#position) ftruncateSync(this.#descriptor, this.#position);
  }

  #write(bytes: Uint8Array, start: number, end: number): void {
    for (let at = start; at < end;) {
      at += writeSync(this.#descriptor, bytes, at, end - at, this.#position + at);
    }
    if (end > start) this.#written = this.#position + end;
  }
}

/** Copies the content of a regular file through `buffer` into an empty one; yields the bytes of each step, holes among them. */
export function* writeContent(
  descriptor: number,
  tree: Tree,
  { ino, size }: Attributes,
  buffer: Uint8Array,
): Generator<number> {
  const writer = new SparseWriter(descriptor);
  for (let at = 0; at < size;) {
    const { hole, end } = tree.extent?.(ino, at) ?? { hole: false, end: size };
    if (hole) {
      writer.skip(end - at);
      yield end - at;
    } else {
      for (const piece of readContent(tree, ino, buffer, at, end)) {
        writer.append(piece);
        yield piece.length;
      }
    }
    at = end;
  }
  writer.finish();
}
