import { createRequire } from "node:module";

import { seekTableBytes, writeSeekTable } from "@puzzlefs/format";
import type * as zstd from "zstd-napi/binding.js";

/** Compressed and decompressed bytes of one frame. */
export interface FrameSizes {
  compressed: number;
  decompressed: number;
}

/** Writes the seek table of `frames` at `at`; returns the offset after it. */
export function putSeekTable(into: Uint8Array, at: number, frames: readonly FrameSizes[]): number {
  const stored = Uint32Array.from(frames, ({ compressed }) => compressed);
  const content = Uint32Array.from(frames, ({ decompressed }) => decompressed);
  const end = at + seekTableBytes(frames.length);
  writeSeekTable(into.subarray(at, end), stored, content, frames.length);
  return end;
}

/** Compresses chunks, one after another, with one context and one output buffer. */
export class SeekableCompressor {
  #binding: typeof zstd;
  #context: zstd.CCtx;
  #frameSize: number;
  #output = Buffer.alloc(0);
  /** The frames of the last chunk. */
  readonly frames: FrameSizes[] = [];

  /** `frameSize` in uncompressed bytes; 0 makes each chunk one frame. */
  constructor(level: number, frameSize: number) {
    // Loaded here: a build without compression needs no native add-on.
    this.#binding = createRequire(import.meta.url)("zstd-napi/binding.js") as typeof zstd;
    this.#context = new this.#binding.CCtx();
    this.#context.setParameter(this.#binding.CParameter.compressionLevel, level);
    this.#frameSize = frameSize;
  }

  /**
   * The frames of `chunk` without a seek table, in a buffer that the next call reuses; undefined if they would not be
   * smaller than `chunk` once `overhead(frames)` bytes are added.
   */
  compress(chunk: Uint8Array, overhead: (frames: number) => number): Buffer | undefined {
    const frameSize = this.#frameSize === 0 ? chunk.length : this.#frameSize;
    const count = Math.ceil(chunk.length / frameSize);
    const room = count * this.#binding.compressBound(Math.min(frameSize, chunk.length)) + seekTableBytes(count);
    if (this.#output.length < room) this.#output = Buffer.allocUnsafeSlow(room);
    const limit = chunk.length - overhead(count);
    this.frames.length = 0;
    let at = 0;
    for (let from = 0; from < chunk.length; from += frameSize) {
      const frame = chunk.subarray(from, from + frameSize);
      const compressed = this.#context.compress2(this.#output.subarray(at), frame);
      this.frames.push({ compressed, decompressed: frame.length });
      at += compressed;
      if (at >= limit) return undefined;
    }
    return this.#output.subarray(0, at);
  }

  /** The last chunk's frames with their seek table: a whole blob. Valid until the next `compress`. */
  blob(frames: Buffer): Buffer {
    return this.#output.subarray(0, putSeekTable(this.#output, frames.length, this.frames));
  }
}

const rawBlockBytes = 128 * 1024;
export const frameMagic = 0xfd2fb528;

/** Bytes that `storeFrame` adds to `length` bytes of content. */
export function storedFrameOverhead(length: number): number {
  return 9 + 3 * Math.max(1, Math.ceil(length / rawBlockBytes));
}

/**
 * A zstd frame of uncompressed blocks (RFC 8878 §3.1.1): how a chunk that does not compress goes into a pack whose
 * other chunks do. Cheaper to read than what a compressor would make of it, and at most 3 bytes in 128 KiB larger.
 */
export function storeFrame(content: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(content.length + storedFrameOverhead(content.length));
  frame.writeUInt32LE(frameMagic, 0);
  // Single segment, content size in four bytes, no checksum, no dictionary.
  frame.writeUInt8(0xa0, 4);
  frame.writeUInt32LE(content.length, 5);
  let at = 9;
  let from = 0;
  do {
    const block = content.subarray(from, from + rawBlockBytes);
    from += block.length;
    const last = from >= content.length ? 1 : 0;
    frame.writeUIntLE((block.length << 3) | last, at, 3);
    frame.set(block, at + 3);
    at += 3 + block.length;
  } while (from < content.length);
  return frame;
}
