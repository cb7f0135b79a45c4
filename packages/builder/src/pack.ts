import { hash } from "node:crypto";

import { seekTableBytes } from "@puzzlefs/format";
import type { Directory } from "@puzzlefs/linux";

import type { WorkSettings } from "./chunk-work.ts";
import { AppendedFile, packName } from "./pack-file.ts";
import { chunkFlags } from "./chunk-table.ts";
import type { ChunkQueue } from "./queue.ts";
import { putSeekTable, storeFrame, type FrameSizes } from "./seekable.ts";

/** The location of a chunk: a row of the format's chunk table without the digest of the blob, which is known when the blob is full. */
export interface PackedChunk {
  pack: number;
  /** In the pack's uncompressed stream, bytes. */
  offset: number;
  length: number;
  /** The chunk's frames (or itself, when raw) in the stored pack. */
  storedOffset: number;
  storedLength: number;
  storedDigest: Uint8Array;
  contentDigest: Uint8Array;
}

/**
 * Puts new chunks into blobs of about the wanted size, in the order of the tree and not of the
 * threads: the same tree becomes the same packs.
 */
export class PackWriter {
  #queue: ChunkQueue;
  #settings: WorkSettings;
  #staging: Directory;
  #packBytes: number;
  /** The first record that has not been looked at. */
  #next = 0;
  #file: AppendedFile | undefined;
  #offset = 0;
  #frames: FrameSizes[] = [];
  /** By content digest (latin1). */
  #chunks = new Map<string, PackedChunk>();
  /** The record that each finished pack was queued as, for its digests. */
  readonly packs: number[] = [];

  constructor(queue: ChunkQueue, settings: WorkSettings, staging: Directory, packBytes: number) {
    this.#queue = queue;
    this.#staging = staging;
    this.#settings = settings;
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

  find(contentDigest: Uint8Array): PackedChunk | undefined {
    return this.#chunks.get(keyOf(contentDigest));
  }

  #take(record: number): void {
    const { chunks } = this.#queue;
    const flags = chunks.flags(record);
    if (flags & (chunkFlags.pack | chunkFlags.base)) return;
    const contentDigest = chunks.contentDigest(record);
    const key = keyOf(contentDigest);
    if (chunks.original(record) === record && !this.#chunks.has(key))
      this.#chunks.set(key, this.#append(record, contentDigest));
    this.#queue.releaseSlab(chunks.slab(record));
  }

  #append(record: number, contentDigest: Uint8Array): PackedChunk {
    const length = this.#queue.chunks.length(record);
    this.#file ??= new AppendedFile(this.#staging, packName(this.packs.length));
    const file = this.#file;
    const { stored, digest } = this.#storedForm(record, length);
    const chunk = {
      pack: this.packs.length,
      offset: this.#offset,
      length,
      storedOffset: file.length,
      storedLength: stored.length,
      storedDigest: digest,
      contentDigest,
    };
    file.append(stored);
    this.#queue.addNewBytes(stored.length);
    this.#offset += length;
    if (file.length >= this.#packBytes) this.#closePack(file);
    return chunk;
  }

  /** The bytes that go into the pack, and their digest; notes their frames. */
  #storedForm(record: number, length: number): { stored: Uint8Array; digest: Uint8Array } {
    const { chunks } = this.#queue;
    const address = chunks.address(record);
    const slab = this.#settings.memory.subarray(address, address + length);
    if (!this.#settings.compress) return { stored: slab, digest: chunks.contentDigest(record) };
    if ((chunks.flags(record) & chunkFlags.compressed) === 0) {
      const stored = storeFrame(slab);
      this.#frames.push({ compressed: stored.length, decompressed: length });
      return { stored, digest: hash("sha256", stored, "buffer") };
    }
    const storedLength = chunks.storedLength(record);
    const frameSize = this.#settings.frameSize === 0 ? length : this.#settings.frameSize;
    const count = Math.ceil(length / frameSize);
    const list = new DataView(slab.buffer, slab.byteOffset, length);
    for (let index = 0; index < count; index++) {
      const compressed = count === 1 ? storedLength : list.getUint32(length - 4 * (count - index), true);
      this.#frames.push({ compressed, decompressed: Math.min(frameSize, length - index * frameSize) });
    }
    return { stored: slab.subarray(0, storedLength), digest: chunks.storedDigest(record) };
  }

  #closePack(file: AppendedFile): void {
    if (this.#settings.compress) {
      const table = new Uint8Array(seekTableBytes(this.#frames.length));
      putSeekTable(table, 0, this.#frames);
      file.append(table);
    }
    file.close();
    const flags = chunkFlags.pack | chunkFlags.fresh | (this.#settings.compress ? chunkFlags.compressed : 0);
    this.packs.push(this.#queue.publish(this.packs.length, 0, -1, flags));
    this.#file = undefined;
    this.#frames = [];
    this.#offset = 0;
  }
}

function keyOf(digest: Uint8Array): string {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.length).toString("latin1");
}
