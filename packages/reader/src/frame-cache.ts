interface Frame {
  start: number;
  length: number;
}

/** A frame that takes more than this part of the ring is kept beside it, alone. */
const largestPart = 4;

/**
 * Decompressed frames, those not used for longest out first.
 *
 * They are in one ring of memory in the order of their last use: a new frame overwrites the oldest, and one that is
 * used again after half a round is copied to the front. So a long sequence of reads neither grows the process
 * nor waits for the garbage collector, and memory is touched only as far as it is needed.
 */
export class FrameCache {
  readonly #ring: Buffer;
  /** Where the next frame goes. What follows is oldest, what precedes newest; the map has the same order. */
  #head = 0;
  readonly #frames = new Map<number, Frame>();
  #large: { key: number; length: number; buffer: Buffer } | undefined;
  #nextKey = 0;

  /** @param limit bytes of the ring; a frame larger than a quarter of it is still kept until the next such one comes */
  constructor(limit: number) {
    this.#ring = Buffer.allocUnsafeSlow(limit);
  }

  /** Keys for the frames of a blob, the first of them; a blob that is opened again gets new ones. */
  reserve(frames: number): number {
    const first = this.#nextKey;
    this.#nextKey += frames;
    return first;
  }

  /** The frame's bytes, or undefined. Valid until the next call. */
  get(key: number): Uint8Array | undefined {
    if (this.#large?.key === key) return this.#large.buffer.subarray(0, this.#large.length);
    const frame = this.#frames.get(key);
    if (frame === undefined) return undefined;
    const { start, length } = frame;
    const size = this.#ring.length;
    // Bytes written since the frame was; a frame at the head itself is a whole round old.
    const age = (this.#head - start + size) % size || size;
    if (age > size / 2) {
      this.#frames.delete(key);
      const to = this.#reserveBytes(length);
      this.#ring.copyWithin(to, start, start + length);
      this.#add(key, to, length);
      return this.#ring.subarray(to, to + length);
    }
    return this.#ring.subarray(start, start + length);
  }

  /** Makes room for `length` bytes and lets `fill` write them; nothing is kept when it throws. */
  put(key: number, length: number, fill: (into: Uint8Array) => void): Uint8Array {
    if (length * largestPart > this.#ring.length) return this.#putLarge(key, length, fill);
    const start = this.#reserveBytes(length);
    const bytes = this.#ring.subarray(start, start + length);
    fill(bytes);
    this.#add(key, start, length);
    return bytes;
  }

  clear(): void {
    this.#frames.clear();
    this.#large = undefined;
    this.#head = 0;
  }

  #add(key: number, start: number, length: number): void {
    this.#frames.delete(key);
    this.#frames.set(key, { start, length });
    this.#head = start + length;
  }

  /** Drops the frames in the way of one at the head; returns its start. */
  #reserveBytes(length: number): number {
    let start = this.#head;
    if (start + length > this.#ring.length) {
      this.#dropOldest((frame) => frame.start >= start);
      start = 0;
    }
    this.#dropOldest((frame) => frame.start >= start && frame.start < start + length);
    return start;
  }

  #dropOldest(inTheWay: (frame: Frame) => boolean): void {
    for (const [key, frame] of this.#frames) {
      if (!inTheWay(frame)) return;
      this.#frames.delete(key);
    }
  }

  #putLarge(key: number, length: number, fill: (into: Uint8Array) => void): Uint8Array {
    const known = this.#large?.buffer;
    const buffer = known !== undefined && known.length >= length ? known : Buffer.allocUnsafeSlow(length);
    this.#large = undefined;
    const bytes = buffer.subarray(0, length);
    fill(bytes);
    this.#large = { key, length, buffer };
    return bytes;
  }
}
