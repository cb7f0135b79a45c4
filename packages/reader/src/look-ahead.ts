import type { BlobCache } from "./blob-cache.ts";
import { holeKey } from "./content-map.ts";
import type { ContentMap } from "./content-map.ts";

/** Runs of a file that are expected to be read after those that are being read. */
const runsAhead = 32;
/** Inodes, likewise; builders number them in the order in which programs walk through a tree. */
const inodesAhead = 16;
/** A walk passes over directories, links, and files that the reader leaves out. */
const largestStep = 64;

/**
 * Predicts the next reads and fetches their blobs ahead: the rest of a file that is read in sequence, and
 * the next files of a tree that is read in the order of its inodes. It matters where each chunk is a file of its own.
 */
export class LookAhead {
  readonly #blobs: BlobCache;
  readonly #contentOf: (ino: number) => ContentMap | undefined;
  #ino = 0;
  /** Where the last read of that inode ended. */
  #end = 0;
  /** Inodes up to this one are expected already. */
  #expected = 0;

  /** @param contentOf the content of a regular file; undefined: it is none */
  constructor(blobs: BlobCache, contentOf: (ino: number) => ContentMap | undefined) {
    this.#blobs = blobs;
    this.#contentOf = contentOf;
  }

  /** Called before a file is read from `offset` to `end`. */
  reading(ino: number, content: ContentMap, offset: number, end: number): void {
    const walks = offset === 0 && ino > this.#ino && ino - this.#ino <= largestStep;
    const follows = offset === 0 || (ino === this.#ino && offset === this.#end);
    this.#ino = ino;
    this.#end = end;
    if (follows && end < content.size) this.#expect(content, content.find(end), runsAhead);
    if (!walks) {
      if (offset === 0) this.#expected = ino;
      return;
    }
    for (let next = Math.max(this.#expected, ino) + 1; next <= ino + inodesAhead; next++) {
      const coming = this.#contentOf(next);
      if (coming !== undefined) this.#expect(coming, 0, runsAhead);
      this.#expected = next;
    }
  }

  #expect(content: ContentMap, first: number, count: number): void {
    for (let run = first; run < Math.min(first + count, content.runs); run++) {
      const key = content.blob(run);
      if (key !== holeKey) this.#blobs.expect(key);
    }
  }
}
