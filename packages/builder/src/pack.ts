import type { Directory } from "@puzzlefs/linux";

import { AppendedFile, packName } from "./pack-file.ts";
import { chunkFlags } from "./chunk-table.ts";
import type { ChunkQueue } from "./queue.ts";

/** Where a pack has the blob of a chunk. Its digest and its size are those of the record. */
export interface PackSlice {
  /** The chunk's record. */
  chunk: number;
  /** Index in `PackWriter.packs`. */
  pack: number;
  /** In the pack, bytes. */
  offset: number;
}

/**
 * Joins the blobs of new chunks into packs, in the order of the tree and not of the threads: the same tree becomes the same
 * packs. A pack has blobs exactly as they would be files of the layout, one after another, and nothing else. Of equal
 * chunks it has the first, which becomes the original of the others.
 */
export class PackWriter {
  #queue: ChunkQueue;
  #memory: Uint8Array;
  #staging: Directory;
  #packBytes: number;
  /** The first record that has not been looked at. */
  #next = 0;
  #file: AppendedFile | undefined;
  /** The records in packs, by content digest (latin1). */
  #taken = new Map<string, number>();
  /** In the order of the tree. */
  readonly slices: PackSlice[] = [];
  /** The record that each finished pack was queued as, for its digests. The file is `packName(index)` of the staging directory. */
  readonly packs: number[] = [];

  /**
   * @param memory has the slabs
   * @param staging where packs are written
   * @param packBytes most bytes of a pack, unless a single blob is larger
   */
  constructor(queue: ChunkQueue, memory: Uint8Array, staging: Directory, packBytes: number) {
    this.#queue = queue;
    this.#memory = memory;
    this.#staging = staging;
    this.#packBytes = packBytes;
  }

  /** Takes over the chunks that are finished, in order, up to the first that is not. Returns whether there were any. */
  drain(): boolean {
    const first = this.#next;
    // Closing a pack publishes a record of its own.
    while (this.#next < this.#queue.published && this.#mayTake(this.#next)) this.#take(this.#next++);
    return this.#next > first;
  }

  #mayTake(record: number): boolean {
    return (this.#queue.chunks.flags(record) & chunkFlags.pack) !== 0 || this.#queue.chunks.done(record);
  }

  /** Closes the last pack; all chunks must have been taken. */
  finish(): void {
    if (this.#file !== undefined) this.#closePack(this.#file);
  }

  #take(record: number): void {
    const { chunks } = this.#queue;
    if (chunks.flags(record) & (chunkFlags.pack | chunkFlags.base)) return;
    const key = Buffer.from(chunks.contentDigest(record)).toString("latin1");
    const taken = this.#taken.get(key);
    // Threads claim in any order: of equal records more than one can be its own original.
    if (taken !== undefined) chunks.setOriginal(record, taken);
    else if (chunks.original(record) === record) {
      this.#taken.set(key, record);
      this.#append(record);
    }
    this.#queue.releaseSlab(chunks.slab(record));
  }

  #append(record: number): void {
    const { chunks } = this.#queue;
    const [address, length] = [chunks.address(record), chunks.storedLength(record)];
    if (this.#file !== undefined && this.#file.length + length > this.#packBytes) this.#closePack(this.#file);
    this.#file ??= new AppendedFile(this.#staging, packName(this.packs.length));
    this.slices.push({ chunk: record, pack: this.packs.length, offset: this.#file.length });
    this.#file.append(this.#memory.subarray(address, address + length));
    this.#queue.addNewBytes(length);
  }

  #closePack(file: AppendedFile): void {
    file.close();
    this.packs.push(this.#queue.publish(this.packs.length, 0, -1, chunkFlags.pack | chunkFlags.fresh));
    this.#file = undefined;
  }
}
