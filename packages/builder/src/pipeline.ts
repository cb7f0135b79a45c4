import { Chunker } from "@puzzlefs/chunker";

import { ChunkWork, sharedDirectory, type WorkSettings } from "./chunk-work.ts";
import { ContentStream } from "./content-stream.ts";
import type { Directory } from "@puzzlefs/linux";
import type { Layout, Turns } from "@puzzlefs/oci";
import type { Progress, ResolvedOptions } from "./options.ts";
import type { Blob } from "./image-blob.ts";
import { KnownChunkFile, KnownChunks } from "./known-chunks.ts";
import type { KnownPacks } from "./packed/known-packs.ts";
import { ChunkQueue } from "./queue.ts";
import { storedFormOf } from "./seekable.ts";
import { SlabRing, slabLayout } from "./slab.ts";
import { SmallFiles } from "./small-files.ts";
import type { StoredChunks } from "./stored-chunks.ts";
import { WorkerThreads } from "./threads.ts";
import type { SourceEntry } from "./source.ts";
import type { TreeNode } from "./tree-node.ts";

const progressInterval = 50;

/**
 * From files to blobs. This thread reads and cuts; it and the worker threads then do the work on the chunks, each
 * taking the next one. When the memory is full of unfinished chunks this thread works on them too, so reading never runs
 * ahead of the rest.
 */
export class Pipeline {
  readonly queue: ChunkQueue;
  #options: ResolvedOptions;
  #chunker: Chunker;
  #ring: SlabRing;
  #work: ChunkWork;
  #threads: WorkerThreads;
  #large: ContentStream;
  #small: ContentStream;
  /** Of a source that has content of an image; cut as if it were read. */
  #smallFiles: SmallFiles | undefined;
  #progress: Progress = { files: 0, bytes: 0, chunks: 0, newBytes: 0 };
  #reportAt = 0;
  /** Bytes of the chunks that were cut. */
  #cut = 0;
  #zeros: Blob | undefined;
  readonly #staging: Directory;
  readonly #knownFile: KnownChunkFile;
  readonly #known: SharedArrayBuffer;

  /**
   * @param staging where new blobs go
   * @param packs have chunks that need not be stored again
   * @param stored chunks of the layout that the source refers to
   */
  constructor(options: ResolvedOptions, staging: Directory, layout: Layout, packs: KnownPacks, stored?: StoredChunks) {
    const { path, blobs } = layout;
    const { compress, level, frameSize, verify, packed } = options;
    this.#options = options;
    this.#staging = staging;
    this.#knownFile = new KnownChunkFile(layout, storedFormOf(options));
    this.#known = this.#knownFile.load(packs);
    const { slabBytes, slabs } = slabLayout(options.chunkSizes.max);
    this.#chunker = new Chunker(options.chunkSizes, slabs * slabBytes);
    this.queue = new ChunkQueue(slabs);
    const settings: WorkSettings = {
      memory: this.#chunker.memory,
      queue: this.queue.buffers,
      compress,
      level,
      frameSize,
      packed,
      staging: sharedDirectory(staging),
      blobs: sharedDirectory(blobs.directory),
      layout: path,
      verify,
      known: verify ? new SharedArrayBuffer(0) : this.#known,
      newStore: blobs.list().length === 0,
    };
    this.#work = new ChunkWork(settings, this.queue);
    this.#threads = new WorkerThreads(settings, options.jobs - 1);
    const ring = new SlabRing(this.#chunker.dataStart, slabBytes, this.queue, () => this.#relieve());
    this.#ring = ring;
    const emit = (address: number, length: number, slab: number): number => this.#emit(address, length, slab);
    this.#large = new ContentStream(this.#chunker, ring, emit, true);
    this.#small = new ContentStream(this.#chunker, ring, emit);
    const isCutSo = stored?.isCanonical === true && options.chunking === "file";
    if (isCutSo) this.#smallFiles = new SmallFiles(this.#small, stored);
  }

  /**
   * Reads a regular file and cuts it. Returns undefined if that is done, otherwise what does the rest, and yields as the
   * file does. `node.pieces` is complete once `finish` has returned.
   */
  addFile(node: TreeNode, file: SourceEntry): Generator<void> | undefined {
    const alone = this.#options.chunking === "file" && node.size >= this.#options.chunkSizes.min;
    if (!alone && node.size > 0 && this.#smallFiles !== undefined) {
      const rest = this.#smallFiles.add(node, file);
      if (rest !== undefined) return this.#addRest(rest, undefined, node);
      this.#added(undefined, node);
      return undefined;
    }
    const { stored } = file;
    if (stored !== undefined) {
      node.pieces = stored.pieces;
      this.#added(undefined, node);
      return undefined;
    }
    const stream = alone ? this.#large : this.#small;
    if (node.size > 0) {
      stream.begin(node, node.size, file.path);
      const rest = file.content(stream);
      if (rest !== undefined) return this.#addRest(rest, stream, node);
    }
    this.#added(stream, node);
    return undefined;
  }

  *#addRest(rest: Iterable<void>, stream: ContentStream | undefined, node: TreeNode): Generator<void> {
    yield* rest;
    this.#added(stream, node);
  }

  /** @param stream that the file was read into, if it was */
  #added(stream: ContentStream | undefined, node: TreeNode): void {
    if (node.size > 0) stream?.end();
    if (stream === this.#large) stream.finish();
    this.#progress.files++;
    this.#progress.bytes += node.size;
    this.#report();
  }

  /** The blob that holes refer to, which is stored if the layout lacks it. */
  get zeros(): Blob {
    return (this.#zeros ??= this.#work.storeZeroBlob());
  }

  /**
   * Goes through `reading`, which calls addFile(), with turns for the event loop. It does not go on while no slab is free, so
   * that its next read need not wait for the threads.
   */
  async run<T>(reading: Generator<void, T>, turns: Turns): Promise<T> {
    try {
      for (;;) {
        const { done, value } = reading.next();
        if (done === true) return value;
        turns.check();
        if (turns.isDue) await turns.take();
        while (!this.#ring.hasFree) await this.#progressed(turns);
      }
    } finally {
      reading.return(undefined as never);
    }
  }

  /** Cuts what is left and waits for all work to be done. Throws what any thread threw. */
  async finish(turns: Turns): Promise<void> {
    this.#large.close();
    if (this.#smallFiles === undefined) this.#small.close();
    else this.#smallFiles.close();
    await this.#drain(turns);
    this.queue.close();
    this.#check();
    this.#report(true);
  }

  /** Reports that chunks are copied into packs. */
  reportPacking(done: number, total: number): void {
    this.#progress.packed = { done, total };
    this.#report();
  }

  /** Stages the record of how the chunks are stored, for later builds. Call it after finish(). Returns the file's name, if there is one. */
  remember(): string | undefined {
    return this.#knownFile.stage(new KnownChunks(this.#known), this.queue.chunks, this.queue.published, this.#staging);
  }

  /** Waits until the threads have left, whether or not the work was done. */
  async close(): Promise<void> {
    this.queue.close();
    await this.#threads.join();
    if (this.#threads.failure !== undefined) {
      this.#options.warn(`a worker thread could not run: ${this.#threads.failure.message}`);
    }
  }

  async #drain(turns: Turns): Promise<void> {
    while (!this.queue.allFinished) await this.#progressed(turns);
  }

  /** Works on a chunk, or waits until another thread has, but not beyond the next turn. */
  async #progressed(turns: Turns): Promise<void> {
    const { event } = this.queue;
    if (!this.#advance() && !this.queue.allFinished) this.queue.waitAfter(event, turns.left);
    if (!turns.isDue) return;
    await turns.take();
    // The event loop reports it if a thread died while it worked on a chunk.
    if (this.#threads.failure !== undefined) throw this.#threads.failure;
  }

  #emit(address: number, length: number, slab: number): number {
    const chunk = this.queue.publish(address, length, slab);
    this.#progress.chunks++;
    this.#cut += length;
    if (this.#options.jobs === 1) this.#work.process(this.queue.take());
    else if (this.#cut >= this.#options.threadsAfter) this.#threads.start();
    if (this.#progress.chunks % 64 === 0) this.#report();
    return chunk;
  }

  /** Works on a chunk, or sleeps until another thread has; for the time when no slab is free. */
  #relieve(): void {
    const { event } = this.queue;
    if (!this.#advance() && !this.queue.allFinished) this.queue.waitAfter(event);
  }

  /** Works on a chunk; false if none is left to be taken. */
  #advance(): boolean {
    this.#check();
    this.#report();
    const chunk = this.queue.take();
    if (chunk < 0) return false;
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
