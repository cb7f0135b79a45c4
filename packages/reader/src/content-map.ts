import { isHole, ZERO_BLOB_DIGEST } from "@puzzlefs/format";
import type { FileChunk, StructList } from "@puzzlefs/format";
import { blobKey } from "./blob-key.ts";
import type { BlobKey } from "./blob-key.ts";
import { LruMap } from "./lru-map.ts";
import type { Extent } from "./tree.ts";

/** Key of the blob of zeros, where it is read as holes are. */
export const holeKey = blobKey(ZERO_BLOB_DIGEST.toUint8Array(), true);

/** Where the bytes of one file are: runs of blobs, found by offset in O(log n). They are not joined, so that a bad run does not affect its neighbours. */
export class ContentMap {
  /** Offset in the file where each run ends. */
  readonly #ends: readonly number[];
  /** Offset in the blob's uncompressed stream where each run starts. */
  readonly #offsets: readonly number[];
  readonly #keys: BlobKey[];
  /** Alternating starts and ends of holes in the file; adjacent holes are joined. */
  readonly #holes: readonly number[];

  /** Number of chunks that it was made from: the cost of making it. */
  readonly chunks: number;

  constructor(chunks: StructList<FileChunk>) {
    this.chunks = chunks.length;
    const ends: number[] = [];
    const offsets: number[] = [];
    const keys: BlobKey[] = [];
    const holes: number[] = [];
    let end = 0;
    for (let i = 0; i < chunks.length; i++) {
      const chunk = chunks.at(i);
      const { len, blob } = chunk;
      if (len === 0) continue;
      if (isHole(chunk, ZERO_BLOB_DIGEST)) {
        if (holes.at(-1) === end) holes.pop();
        else holes.push(end);
        holes.push(end + len);
      }
      end += len;
      ends.push(end);
      offsets.push(blob.offset);
      keys.push(blobKey(blob.digest.toUint8Array(), blob.compressed));
    }
    this.#ends = ends;
    this.#offsets = offsets;
    this.#keys = keys;
    this.#holes = holes;
  }

  get size(): number {
    return this.#ends.at(-1) ?? 0;
  }

  get runs(): number {
    return this.#keys.length;
  }

  /** The run that holds byte `offset`, which is inside the file. */
  find(offset: number): number {
    let low = 0;
    let high = this.runs - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ends[middle] as number) > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The hole that byte `offset` is in, which the file has, or the data up to the next hole. */
  extent(offset: number): Extent {
    // How many starts and ends are at or before it: an odd number inside a hole.
    let low = 0;
    let high = this.#holes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#holes[middle] as number) <= offset) low = middle + 1;
      else high = middle;
    }
    return { hole: low % 2 === 1, end: this.#holes[low] ?? this.size };
  }

  /** Whether byte `offset`, which the file has, is in a hole. */
  isHole(offset: number): boolean {
    return this.#holes.length > 0 && this.extent(offset).hole;
  }

  start(run: number): number {
    return run === 0 ? 0 : (this.#ends[run - 1] as number);
  }

  end(run: number): number {
    return this.#ends[run] as number;
  }

  blob(run: number): BlobKey {
    return this.#keys[run] as BlobKey;
  }

  /** Where in the blob's uncompressed stream the run starts. */
  blobOffset(run: number): number {
    return this.#offsets[run] as number;
  }
}

/** Maps of fewer chunks are made anew each time: keeping them would cost more memory than it saves work. */
const smallestKept = 8;

/** The maps of the larger files read last, so that reading one in pieces does not sum up its chunks each time. */
export class ContentMaps {
  readonly #maps = new LruMap<number, ContentMap>(({ runs }) => runs + 1);
  readonly #limit: number;

  /** @param limit runs kept, some 100 bytes each */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get(ino: number): ContentMap | undefined {
    return this.#maps.get(ino);
  }

  add(ino: number, map: ContentMap): ContentMap {
    if (map.chunks < smallestKept) return map;
    this.#maps.add(ino, map);
    while (this.#maps.weight > this.#limit && this.#maps.size > 1) this.#maps.deleteOldest();
    return map;
  }
}
