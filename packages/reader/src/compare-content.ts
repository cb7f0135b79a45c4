import type { ContentMap } from "./content-map.ts";
import type { ImageTree } from "./image-tree.ts";

const pieceSize = 1 << 20;

/**
 * Compares files of two images: first where their content is, and only where that differs the bytes. Blobs are compared by
 * digest, so the images may be in different stores.
 */
export class ContentComparison {
  readonly #a: ImageTree;
  readonly #b: ImageTree;
  #pieces: [Buffer, Buffer] | undefined;
  /** Results for files with several names. */
  readonly #known = new Map<string, boolean>();
  readonly #progress: (done: number) => void;
  #done = 0;

  /** @param progress is called with the bytes that have been compared */
  constructor(a: ImageTree, b: ImageTree, progress: (done: number) => void) {
    this.#a = a;
    this.#b = b;
    this.#progress = progress;
  }

  /** Whether regular files have the same content. Throws what reading them throws. */
  isEqual(inoA: number, inoB: number, isLinked: boolean): boolean {
    const key = `${inoA} ${inoB}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const isEqual = this.#compare(inoA, inoB);
    if (isLinked) this.#known.set(key, isEqual);
    return isEqual;
  }

  #compare(inoA: number, inoB: number): boolean {
    const [a, b] = [this.#a.content(inoA), this.#b.content(inoB)];
    if (a.size !== b.size) return false;
    for (let at = 0, runA = 0, runB = 0; at < a.size;) {
      while (a.end(runA) <= at) runA++;
      while (b.end(runB) <= at) runB++;
      const end = Math.min(a.end(runA), b.end(runB));
      const isStoredOnce = isSame(a, runA, b, runB, at);
      if (!isStoredOnce && !this.#sameBytes(inoA, inoB, at, end)) return false;
      if (isStoredOnce) this.#add(end - at);
      at = end;
    }
    return true;
  }

  #sameBytes(inoA: number, inoB: number, start: number, end: number): boolean {
    this.#pieces ??= [Buffer.allocUnsafeSlow(pieceSize), Buffer.allocUnsafeSlow(pieceSize)];
    const [pieceA, pieceB] = this.#pieces;
    for (let at = start; at < end; at += pieceSize) {
      const length = Math.min(pieceSize, end - at);
      const [a, b] = [pieceA.subarray(0, length), pieceB.subarray(0, length)];
      this.#a.read(inoA, at, a);
      this.#b.read(inoB, at, b);
      this.#add(length);
      if (!a.equals(b)) return false;
    }
    return true;
  }

  #add(bytes: number): void {
    this.#done += bytes;
    this.#progress(this.#done);
  }
}

/** Whether byte `at` of two files, in these runs, is the same byte of the same blob, or in holes. */
function isSame(a: ContentMap, runA: number, b: ContentMap, runB: number, at: number): boolean {
  if (a.isHole(at) && b.isHole(at)) return true;
  const shift = a.blobOffset(runA) - a.start(runA) === b.blobOffset(runB) - b.start(runB);
  return shift && a.blob(runA) === b.blob(runB);
}
