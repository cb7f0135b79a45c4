interface Frame {
  /** Capacity may exceed what the frame needs: buffers are reused. */
  buffer: Buffer;
  length: number;
}

const smallestBuffer = 4096;

/**
 * Decompressed frames, least recently used out first, bounded by the bytes of their buffers.
 *
 * Buffers have power-of-two sizes and the evicted one is handed out again, so that a long sequence of reads
 * neither grows the process nor waits for the garbage collector.
 */
export class FrameCache {
  readonly limit: number;
  #bytes = 0;
  #nextKey = 0;
  readonly #frames = new Map<number, Frame>();

  /** @param limit bytes; a frame larger than this is still kept until the next one comes. */
  constructor(limit: number) {
    this.limit = limit;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Keys for the frames of a blob, the first of them; a blob that is opened again gets new ones. */
  reserve(frames: number): number {
    const first = this.#nextKey;
    this.#nextKey += frames;
    return first;
  }

  /** The frame's bytes, or undefined. Valid until the next `put`. */
  get(key: number): Uint8Array | undefined {
    const frame = this.#frames.get(key);
    if (frame === undefined) return undefined;
    this.#frames.delete(key);
    this.#frames.set(key, frame);
    return frame.buffer.subarray(0, frame.length);
  }

  /** Makes room for `length` bytes and lets `fill` write them; nothing is kept when it throws. */
  put(key: number, length: number, fill: (into: Uint8Array) => void): Uint8Array {
    const buffer = this.#take(capacityFor(length));
    const bytes = buffer.subarray(0, length);
    fill(bytes);
    this.#drop(key);
    this.#frames.set(key, { buffer, length });
    this.#bytes += buffer.length;
    return bytes;
  }

  clear(): void {
    this.#frames.clear();
    this.#bytes = 0;
  }

  #drop(key: number): Buffer | undefined {
    const frame = this.#frames.get(key);
    if (frame === undefined) return undefined;
    this.#frames.delete(key);
    this.#bytes -= frame.buffer.length;
    return frame.buffer;
  }

  #take(capacity: number): Buffer {
    let spare: Buffer | undefined;
    while (this.#bytes + capacity > this.limit && this.#frames.size > 0) {
      const [oldest] = this.#frames.keys();
      const evicted = this.#drop(oldest as number);
      if (evicted?.length === capacity) spare = evicted;
    }
    return spare ?? Buffer.allocUnsafeSlow(capacity);
  }
}

function capacityFor(length: number): number {
  let capacity = smallestBuffer;
  while (capacity < length) capacity *= 2;
  return capacity;
}
