import { endianness } from "node:os";

/** Index of the less significant of the two 32-bit words of a u64 in the host's byte order. */
const LOW = endianness() === "LE" ? 0 : 1;
const HIGH = 1 - LOW;

/**
 * A buffer that is read and written in the host's byte order, as the kernel does: typed arrays over one memory, which
 * cost no allocation and, unlike DataView, no BigInt for 64-bit fields. Offsets are bytes and must be aligned.
 */
export class MessageBuffer {
  readonly bytes: Buffer<ArrayBuffer>;
  readonly u32: Uint32Array;
  readonly u16: Uint16Array;

  /**
   * @param size bytes, a multiple of 8
   * @param memory to use a part of, instead of allocating
   * @param start of that part, a multiple of 8
   */
  constructor(size: number, memory = new ArrayBuffer(size), start = 0) {
    this.bytes = Buffer.from(memory, start, size);
    this.u32 = new Uint32Array(memory, start, size / 4);
    this.u16 = new Uint16Array(memory, start, size / 2);
  }

  get32(at: number): number {
    return this.u32[at >>> 2];
  }

  put32(at: number, value: number): void {
    this.u32[at >>> 2] = value;
  }

  put16(at: number, value: number): void {
    this.u16[at >>> 1] = value;
  }

  /** Values above 2^53 are rounded; this file system uses none. */
  get64(at: number): number {
    const word = at >>> 2;
    return this.u32[word + HIGH] * 0x1_0000_0000 + this.u32[word + LOW];
  }

  /** Any safe integer; negative ones as two's complement. */
  put64(at: number, value: number): void {
    const word = at >>> 2;
    this.u32[word + LOW] = value;
    this.u32[word + HIGH] = Math.floor(value / 0x1_0000_0000);
  }

  /** Copies a u64 bit for bit. */
  copy64(at: number, from: MessageBuffer, fromAt: number): void {
    this.u32[at >>> 2] = from.u32[fromAt >>> 2];
    this.u32[(at >>> 2) + 1] = from.u32[(fromAt >>> 2) + 1];
  }

  zero(from: number, to: number): void {
    this.u32.fill(0, from >>> 2, to >>> 2);
  }
}
