import { setImmediate } from "node:timers/promises";

import { Chunker } from "@puzzlefs/chunker";

import { ChunkWork, sharedDirectory, type WorkSettings } from "./chunk-work.ts";
import { ContentStream } from "./content-stream.ts";
import { readContent } from "./read-file.ts";
import type { Directory } from "@puzzlefs/linux";
import type { Layout } from "@puzzlefs/oci";
import type { Progress, ResolvedOptions } from "./options.ts";
import { PackWriter } from "./pack.ts";
import type { ChunkPlace } from "./chunk-locations.ts";
import { ChunkQueue } from "./queue.ts";
import { SlabRing, slabLayout } from "./slab.ts";
import { WorkerThreads } from "./threads.ts";
import type { FoundFile, TreeNode } from "./tree-node.ts";

/** Threads are started once this many bytes have been read: they cost more than a small tree does. */
const startThreadsAfter = 256 << 10;
const progressInterval = 50;

/**
 * From files to blobs. This thread reads and cuts; it and the worker threads then do the work on the chunks, each
 * taking the next one. When the memory is full of unfinished chunks this thread works on them too, so reading never runs
 * ahead of the rest.
 */
export class Pipeline {
  readonly queue: ChunkQueue;
  readonly packs: PackWriter | undefined;
  #options: ResolvedOptions;
  #chunker: Chunker;
  #work: ChunkWork;
  #threads: WorkerThreads;
  #large: ContentStream;
  #small: ContentStream;
  #progress: Progress = { files: 0, bytes: 0, chunks: 0, newBytes: 0 };
  #reportAt = 0;
  #holes: ChunkPlace | undefined;

  /** @param staging where new blobs go */
  constructor(options: ResolvedOptions, staging: Directory, { path, blobs }: Layout) {
    this.#options = options;
    const { slabBytes, slabs } = slabLayout(options.chunkSizes.max);
    this.#chunker = new Chunker(options.chunkSizes, slabs * slabBytes);
    this.queue = new ChunkQueue(slabs);
    const settings: WorkSettings = {
      memory: this.#chunker.memory,
      queue: this.queue.buffers,
      compress: options.compress,
      level: options.level,
      frameSize: options.frameSize,
      packing: options.pack > 0,
      staging: sharedDirectory(staging),
      blobs: sharedDirectory(blobs.directory),
      layout: path,
      verify: options.verify,
      newStore: blobs.list().length === 0,
    };
    this.#work = new ChunkWork(settings, this.queue);
    this.#threads = new WorkerThreads(settings, options.jobs - 1);
    if (options.pack > 0) this.packs = new PackWriter(this.queue, settings, staging, options.pack);
    const ring = new SlabRing(this.#chunker.dataStart, slabBytes, this.queue, () => void this.#relieve());
    const emit = (address: number, length: number, slab: number): number => this.#emit(address, length, slab);
    this.#large = new ContentStream(this.#chunker, ring, emit, true);
    this.#small = new ContentStream(this.#chunker, ring, emit);
  }

  /** Reads a regular file and cuts it. `node.pieces` is complete once `finish` has returned. */
  addFile(node: TreeNode, file: FoundFile): void {
    const alone = this.#options.chunking === "file" && node.size >= this.#options.chunkSizes.min;
    const stream = alone ? this.#large : this.#small;
    if (node.size > 0) {
      stream.begin(node, node.size);
      readContent(this.#chunker.memory, stream, file);
      if (alone) stream.finish();
    }
    this.#progress.files++;
    this.#progress.bytes += node.size;
    this.#report();
  }

  /** Where holes are: the blob of zeros, which is stored if the layout lacks it. */
  get holes(): ChunkPlace {
    if (this.#holes === undefined) {
      const blob = this.#work.storeZeroBlob();
      this.#holes = { blob, offset: 0, compressed: true, row: undefined };
    }
    return this.#holes;
  }

  /** Cuts what is left and waits for all work to be done. Throws what any thread threw. */
  async finish(): Promise<void> {
    this.#large.close();
    this.#small.close();
    await this.#drain();
    if (this.packs !== undefined) {
      while (this.packs.drain());
      this.packs.finish();
      await this.#drain();
    }
    this.queue.close();
    this.#check();
    this.#report(true);
  }

  /** Waits until the threads have left, whether or not the work was done. */
  async close(): Promise<void> {
    this.queue.close();
    await this.#threads.join();
    if (this.#threads.failure !== undefined) {
      this.#options.warn(`a worker thread could not run: ${this.#threads.failure.message}`);
    }
  }

  async #drain(): Promise<void> {
    while (!this.queue.allFinished) {
      if (this.#relieve()) continue;
      // Nothing happened for a while. A thread that died with a chunk in its hands is told of by the event loop.
      await setImmediate();
      if (this.#threads.failure !== undefined) throw this.#threads.failure;
    }
  }

  #emit(address: number, length: number, slab: number): number {
    const chunk = this.queue.publish(address, length, slab);
    this.#progress.chunks++;
    if (this.#options.jobs === 1) this.#work.process(this.queue.take());
    else if (this.#progress.bytes >= startThreadsAfter) this.#threads.start();
    this.packs?.drain();
    if (this.#progress.chunks % 64 === 0) this.#report();
    return chunk;
  }

  /** Brings the work forward by a chunk, or sleeps until another thread has; false if none did for long. */
  #relieve(): boolean {
    this.#check();
    this.#report();
    const { event } = this.queue;
    if (this.packs?.drain()) return true;
    const chunk = this.queue.take();
    if (chunk < 0) return this.queue.allFinished || this.queue.waitAfter(event);
    this.#work.process(chunk);
    return true;
  }

  #check(): void {
    const { failure } = this.queue;
    if (failure !== undefined) throw new Error(failure);
  }

  #report(now = false): void {
    this.#options.check();
    if (this.#options.progress === undefined) return;
    const time = performance.now();
    if (!now && time < this.#reportAt) return;
    this.#reportAt = time + progressInterval;
    this.#progress.newBytes = this.queue.newBytes;
    this.#options.progress({ ...this.#progress });
  }
}
