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

/** All that the stored form of a chunk depends on, but for its content. */
export function storedFormOf(options: { compress: boolean; level: number; frameSize: number }): string {
  const { compress, level, frameSize } = options;
  if (!compress) return "raw";
  const binding = createRequire(import.meta.url)("zstd-napi/binding.js") as typeof zstd;
  return `zstd ${binding.versionString()} level ${level} frame ${frameSize}`;
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
   * A whole blob that has `chunk`: its frames, then their seek table, in a buffer that the next call reuses; undefined if it
   * would not be smaller than `chunk`.
   */
  compress(chunk: Uint8Array): Buffer | undefined {
    const frameSize = this.#frameSize === 0 ? chunk.length : this.#frameSize;
    const count = Math.ceil(chunk.length / frameSize);
    const tableBytes = seekTableBytes(count);
    const room = count * this.#binding.compressBound(Math.min(frameSize, chunk.length)) + tableBytes;
    if (this.#output.length < room) this.#output = Buffer.allocUnsafeSlow(room);
    this.frames.length = 0;
    let at = 0;
    for (let from = 0; from < chunk.length; from += frameSize) {
      const frame = chunk.subarray(from, from + frameSize);
      const compressed = this.#context.compress2(this.#output.subarray(at), frame);
      this.frames.push({ compressed, decompressed: frame.length });
      at += compressed;
      if (at + tableBytes >= chunk.length) return undefined;
    }
    return this.#output.subarray(0, putSeekTable(this.#output, at, this.frames));
  }
}
