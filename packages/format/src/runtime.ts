import { FormatError } from "./errors.ts";
import { RULES } from "./generated/rules.ts";

/** 2^53: one more than the largest integer of the format. Larger integers of the input read as this. */
export const U53_END = 2 ** 53;
/** Its upper 32 bits. */
const HIGH_END = U53_END / 2 ** 32;

/** A sequence of bytes inside a buffer; reads outside it return 0. Never a copy. */
export class Bytes {
  readonly buffer: Uint8Array;
  /** A view of the whole buffer, for reading an integer in one step. All sequences of one buffer share it. */
  readonly view: DataView;
  readonly start: number;
  readonly length: number;

  constructor(buffer: Uint8Array, start: number, length: number, view = viewOf(buffer)) {
    this.buffer = buffer;
    this.view = view;
    this.start = start;
    this.length = length;
  }

  static of(bytes: Uint8Array): Bytes {
    return new Bytes(bytes, 0, bytes.length);
  }

  at(index: number): number {
    return index < this.length ? (this.buffer[this.start + index] ?? 0) : 0;
  }

  u16(offset: number): number {
    return offset + 2 > this.length ? 0 : this.view.getUint16(this.start + offset, true);
  }

  u32(offset: number): number {
    return offset + 4 > this.length ? 0 : this.view.getUint32(this.start + offset, true);
  }

  /** A larger integer than 2^53 − 1 reads as U53_END. */
  u53(offset: number): number {
    if (offset + 8 > this.length) return 0;
    const high = this.view.getUint32(this.start + offset + 4, true);
    return high >= HIGH_END ? U53_END : high * 2 ** 32 + this.view.getUint32(this.start + offset, true);
  }

  /** Signed; an integer beyond ±(2^53 − 1) reads as that bound. */
  i53(offset: number): number {
    const high = this.u32(offset + 4) | 0;
    if (offset + 8 > this.length) return 0;
    if (high >= HIGH_END) return U53_END - 1;
    if (high < -HIGH_END) return 1 - U53_END;
    return Math.max(high * 2 ** 32 + this.u32(offset), 1 - U53_END);
  }

  slice(start: number, end: number): Bytes {
    const to = Math.min(end, this.length);
    const from = Math.min(start, to);
    return new Bytes(this.buffer, this.start + from, to - from, this.view);
  }

  /** A view, not a copy. */
  toUint8Array(): Uint8Array {
    return this.buffer.subarray(this.start, this.start + this.length);
  }

  equals(other: Bytes): boolean {
    if (this.length !== other.length) return false;
    for (let i = 0; i < this.length; i++) {
      if (this.buffer[this.start + i] !== other.buffer[other.start + i]) return false;
    }
    return true;
  }
}

const viewOf = ({ buffer, byteOffset, length }: Uint8Array): DataView => new DataView(buffer, byteOffset, length);

/** The failure that rule number `rule` names. */
export function failure(rule: number, inode: number, offset: number): FormatError {
  const [name, kind] = RULES[rule - 1] ?? ["arithmetic-overflow", "corrupt"];
  return new FormatError(name, kind, inode, offset);
}

const overflow = (): FormatError => failure(RULES.findIndex(([name]) => name === "arithmetic-overflow") + 1, 0, 0);

/* Throw FormatError, arithmetic-overflow, if the result is outside 0 … U53_END - 1. */

export function checkedAdd(a: number, b: number): number {
  if (a + b >= U53_END) throw overflow();
  return a + b;
}

export function checkedSubtract(a: number, b: number): number {
  if (b > a || a - b >= U53_END) throw overflow();
  return a - b;
}

export function checkedMultiply(a: number, b: number): number {
  const product = a * b;
  if (product >= U53_END) throw overflow();
  return product;
}

/** Byte order of at most `most` bytes, then of lengths: 0 if `a` comes first, 1 if they are equal, 2 if `b` comes first. */
export function compareBytes(a: Bytes, b: Bytes, most: number): number {
  const count = Math.min(a.length, b.length, most);
  for (let i = 0; i < count; i++) {
    const [left, right] = [a.at(i), b.at(i)];
    if (left !== right) return left < right ? 0 : 2;
  }
  if (a.length === b.length) return 1;
  return a.length < b.length ? 0 : 2;
}

const TEXTS = new Map<string, Bytes>();

/** The bytes of a literal of the specification. */
export function text(literal: string): Bytes {
  let bytes = TEXTS.get(literal);
  if (bytes === undefined) {
    bytes = Bytes.of(Buffer.from(literal, "latin1"));
    TEXTS.set(literal, bytes);
  }
  return bytes;
}

/** An integer in 32 bits; a larger one becomes the largest. */
export function narrow(value: number): number {
  return Math.min(value, 0xffffffff);
}
