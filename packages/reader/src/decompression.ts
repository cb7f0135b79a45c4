import zstd from "zstd-napi/binding.js";
import type { DCtx } from "zstd-napi/binding.js";
import type { BlobFile } from "./blob-file.ts";
import { IntegrityError } from "./errors.ts";
import type { FrameCache } from "./frame-cache.ts";

const windowSize = (1 << 18) + (1 << 16);

/**
 * State that all compressed blobs of an image share: the decompression context, the cache of frames, and a window of
 * stored bytes, which belongs to the blob that filled it last. One read of the store serves many small frames.
 */
export class Decompression {
  readonly frames: FrameCache;
  readonly #context: DCtx = new zstd.DCtx();
  #window = Buffer.allocUnsafeSlow(windowSize);
  #owner: BlobFile | undefined;
  #start = 0;
  #end = 0;

  constructor(frames: FrameCache) {
    this.frames = frames;
  }

  /**
   * Stored bytes from `start` up to `end`, valid until the next call. When they have to be read, those up to
   * `ahead` come along as far as they fit.
   */
  stored(file: BlobFile, start: number, end: number, ahead: number): Uint8Array {
    if (this.#owner !== file || start < this.#start || end > this.#end) {
      const length = Math.max(end - start, Math.min(windowSize, ahead - start));
      this.#owner = undefined;
      if (length > windowSize || this.#window.length > windowSize) {
        this.#window = Buffer.allocUnsafeSlow(Math.max(length, windowSize));
      }
      file.read(this.#window.subarray(0, length), start);
      this.#owner = file;
      this.#start = start;
      this.#end = start + length;
    }
    return this.#window.subarray(start - this.#start, end - this.#start);
  }

  /** Stored bytes from `start` to the end of the blob; on a small blob, or near its end, the bytes before are read in the same call. */
  storedTail(file: BlobFile, start: number): Uint8Array {
    const from = Math.max(0, file.size - windowSize);
    if (this.#owner !== file && from <= start) this.stored(file, from, file.size, file.size);
    return this.stored(file, start, file.size, file.size);
  }

  /** Decompresses whole frames, which must fill `into` exactly. `where`: for messages. @throws {IntegrityError} */
  decompress(file: BlobFile, where: number | string, stored: Uint8Array, into: Uint8Array): void {
    let length: number;
    try {
      length = this.#context.decompress(into, stored);
    } catch (error) {
      throw new IntegrityError(file.name, "frame", `${prefixOf(where)}${(error as Error).message}`, error);
    }
    if (length !== into.length) {
      throw new IntegrityError(file.name, "frame", `${prefixOf(where)}${length} bytes instead of ${into.length}`);
    }
  }
}

/** `frame 3: `, for messages; empty for a whole blob. */
function prefixOf(where: number | string): string {
  if (where === "") return "";
  return typeof where === "number" ? `frame ${where}: ` : `${where}: `;
}
