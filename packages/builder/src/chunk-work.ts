import { hash } from "node:crypto";
import { writeSync } from "node:fs";

import { ZERO_BLOB_DIGEST } from "@puzzlefs/format";
import { close, Directory, hasCode, startWriteback } from "@puzzlefs/linux";
import { BlobDirectory, FILE_MODE, fsVerityDigest } from "@puzzlefs/oci";

import type { Blob } from "./image-blob.ts";
import { chunkFlags } from "./chunk-table.ts";
import { KnownChunks } from "./known-chunks.ts";
import { ChunkQueue, type QueueBuffers } from "./queue.ts";
import { SeekableCompressor } from "./seekable.ts";
import { zeroBlob } from "./zero-blob.ts";

/** The operation that error messages name when a system call on the layout fails. */
export const WRITING = "write the image";

/** The settings of a thread that works on chunks; copied to worker threads. */
export interface WorkSettings {
  memory: Uint8Array<SharedArrayBuffer>;
  queue: QueueBuffers;
  compress: boolean;
  level: number;
  frameSize: number;
  /** Blobs are copied into packs in the end, and their files removed: nothing is written to the disk before. */
  packed: boolean;
  /** The directories of new blobs, until the build is committed, and of the layout's own blobs. */
  staging: SharedDirectory;
  blobs: SharedDirectory;
  /** Path of the layout, for messages. */
  layout: string;
  /** Compare all bytes of a chunk with those of the blob that is to be reused for it, not only their number. */
  verify: boolean;
  /** Chunks that need not be compressed again: records of KnownChunks. */
  known: SharedArrayBuffer;
  /** The layout had no blobs when the build began, so that none are looked up. */
  newStore: boolean;
}

/** A directory that the main thread has opened, in a form for worker threads: descriptors belong to the process. */
export interface SharedDirectory {
  descriptor: number;
  path: string;
}

export function sharedDirectory({ descriptor, path }: Directory): SharedDirectory {
  return { descriptor, path };
}

const contentScratch = Buffer.alloc(32);
const storedScratch = Buffer.alloc(32);

/** SHA-256 into reused memory: a Buffer for each digest would have to be garbage-collected. */
function sha256(bytes: Uint8Array, into: Buffer): Buffer {
  into.write(hash("sha256", bytes, "binary"), "latin1");
  return into;
}

/** Does the work on single chunks: hash, look for an equal one, compress, hash what is stored, write. Any thread has one. */
export class ChunkWork {
  readonly queue: ChunkQueue;
  #settings: WorkSettings;
  /** The main thread owns these descriptors and closes them. */
  readonly #staging: Directory;
  readonly #blobs: BlobDirectory;
  readonly #known: KnownChunks;
  #compressor: SeekableCompressor | undefined;

  constructor(settings: WorkSettings, queue = new ChunkQueue(settings.queue)) {
    this.#settings = settings;
    this.#staging = new Directory(settings.staging.descriptor, settings.staging.path);
    this.#blobs = new BlobDirectory(new Directory(settings.blobs.descriptor, settings.blobs.path));
    this.queue = queue;
    this.#known = new KnownChunks(settings.known);
    if (settings.compress) this.#compressor = new SeekableCompressor(settings.level, settings.frameSize);
  }

  /** Works on one taken record. Throws what the file system throws. */
  process(chunk: number): void {
    const { queue } = this;
    const { memory } = this.#settings;
    const address = queue.chunks.address(chunk);
    const bytes = memory.subarray(address, address + queue.chunks.length(chunk));
    const content = sha256(bytes, contentScratch);
    const equal = queue.chunks.claim(chunk, content);
    if (equal >= 0) this.#storeAbsent(equal, content, bytes);
    else if (!this.#useKnown(chunk, content)) {
      const compressed = this.#compressor?.compress(bytes);
      const blob = compressed ?? bytes;
      const digest = compressed === undefined ? content : sha256(compressed, storedScratch);
      const flags = this.#write(digest.toString("hex"), blob) | (compressed === undefined ? 0 : chunkFlags.compressed);
      queue.chunks.setResult(chunk, digest, fsVerityDigest(blob), blob.length, flags);
    }
    queue.finish(chunk);
  }

  /** Stores a chunk of the base that the layout lacks. Threads that do it at the same time set the same results. */
  #storeAbsent(chunk: number, content: Buffer, bytes: Uint8Array): void {
    const { chunks } = this.queue;
    if ((chunks.flags(chunk) & (chunkFlags.absent | chunkFlags.fresh)) !== chunkFlags.absent) return;
    chunks.setResult(chunk, content, fsVerityDigest(bytes), bytes.length, this.#write(content.toString("hex"), bytes));
  }

  /** Takes the results of an earlier build, if the layout has its blob; false if it does not. */
  #useKnown(chunk: number, content: Buffer): boolean {
    const known = this.#settings.newStore ? undefined : this.#known.find(content);
    if (known === undefined || !(known.packed || this.#blobs.size(hexOf(known.stored)) === known.size)) return false;
    const flags = known.compressed ? chunkFlags.compressed : 0;
    this.queue.chunks.setResult(chunk, known.stored, known.verity, known.size, flags);
    return true;
  }

  /** The blob that holes refer to, written where the layout lacks it. */
  storeZeroBlob(): Blob {
    const bytes = zeroBlob();
    const digest = ZERO_BLOB_DIGEST.toUint8Array();
    const hex = Buffer.from(digest).toString("hex");
    const flags = this.#write(hex, bytes);
    const temporary = flags & chunkFlags.fresh ? hex : undefined;
    const replaces = (flags & chunkFlags.replaces) !== 0;
    return { digest, hex, verity: fsVerityDigest(bytes), size: bytes.length, compressed: true, temporary, replaces };
  }

  /** Writes a blob unless the layout has it. Returns flags. */
  #write(name: string, blob: Uint8Array): number {
    const { newStore, verify } = this.#settings;
    const found = newStore ? undefined : this.#blobs.size(name);
    if (found === blob.length && (!verify || this.#blobs.holds(name, blob))) return 0;
    let file: number;
    try {
      file = this.#staging.createFile(name, FILE_MODE);
    } catch (error) {
      // A compressed chunk and a raw one can be the same bytes; the thread that came first writes them.
      if (hasCode(error, "EEXIST")) return 0;
      throw error;
    }
    try {
      for (let at = 0; at < blob.length;) at += writeSync(file, blob, at);
      if (!this.#settings.packed) startWriteback(file);
    } finally {
      close(file);
    }
    this.queue.addNewBytes(blob.length);
    // The commit replaces the damaged file.
    return chunkFlags.fresh | (found === undefined ? 0 : chunkFlags.replaces);
  }
}

function hexOf(digest: Uint8Array): string {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.length).toString("hex");
}
