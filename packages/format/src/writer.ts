import { U53_END } from "./runtime.ts";

/** How the generated writer lays out one kind of struct: sizes in words, offsets in bytes. */
export interface Layout<Value> {
  words(value: Value): number;
  pointers(value: Value): number;
  /** Fills the struct whose data starts at byte `at` and whose pointers start at byte `pointers`. */
  write(message: MessageBuilder, at: number, pointers: number, value: Value, words: number): void;
}

const WORD = 8;
const HEADER_BYTES = 8;
const MAX_LIST = 2 ** 29;
const FIRST_SIZE = 1 << 16;

/**
 * A Cap'n Proto message of one segment, written front to back: an object's parts follow it in the order of its
 * members, each whole before the next. So equal values give equal bytes.
 */
export class MessageBuilder {
  #bytes = new Uint8Array(FIRST_SIZE);
  #view = new DataView(this.#bytes.buffer);
  #end = HEADER_BYTES;

  /** Reserves zeroed bytes, a whole number of words; returns where they start. */
  #reserve(bytes: number): number {
    const at = this.#end;
    this.#end += Math.ceil(bytes / WORD) * WORD;
    if (this.#end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#end, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }

  u16(at: number, value: number): void {
    if (!(value >= 0 && value <= 0xffff)) throw new RangeError(`${value} does not fit 16 bits`);
    this.#view.setUint16(at, value, true);
  }

  u32(at: number, value: number): void {
    if (!(value >= 0 && value <= 0xffffffff)) throw new RangeError(`${value} does not fit 32 bits`);
    this.#view.setUint32(at, value, true);
  }

  u53(at: number, value: number): void {
    if (!(value >= 0 && value < U53_END)) throw new RangeError(`${value} does not fit 53 bits`);
    this.#view.setUint32(at, value % 2 ** 32, true);
    this.#view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
  }

  i53(at: number, value: number): void {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} does not fit 53 bits`);
    this.#view.setBigInt64(at, BigInt(value), true);
  }

  setBit(at: number, bit: number): void {
    this.#bytes[at + (bit >> 3)] = (this.#bytes[at + (bit >> 3)] ?? 0) | (1 << (bit & 7));
  }

  /** Halves of a near pointer at byte `at` to byte `target`. */
  #pointer(at: number, target: number, kind: number, sizes: number): void {
    const offset = (target - at) / WORD - 1;
    this.#view.setInt32(at, (offset << 2) | kind, true);
    this.#view.setUint32(at + 4, sizes, true);
  }

  data(at: number, value: Uint8Array): void {
    if (value.length >= MAX_LIST) throw new RangeError(`${value.length} bytes are too long for a list`);
    const target = this.#reserve(value.length);
    this.#bytes.set(value, target);
    this.#pointer(at, target, 1, value.length * 8 + 2);
  }

  struct<Value>(at: number, value: Value, layout: Layout<Value>): void {
    const words = layout.words(value);
    const pointers = layout.pointers(value);
    const target = this.#reserve((words + pointers) * WORD);
    this.#pointer(at, target, 0, words + pointers * 0x10000);
    layout.write(this, target, target + words * WORD, value, words);
  }

  /** A list of structs, all as large as the largest needs to be. */
  list<Value>(at: number, values: readonly Value[], layout: Layout<Value>): void {
    let words = 0;
    let pointers = 0;
    for (const value of values) {
      words = Math.max(words, layout.words(value));
      pointers = Math.max(pointers, layout.pointers(value));
    }
    const size = words + pointers;
    if (values.length * size >= MAX_LIST) throw new RangeError(`a list of ${values.length} structs is too long`);
    const tag = this.#reserve((values.length * size + 1) * WORD);
    this.#pointer(at, tag, 1, values.length * size * 8 + 7);
    this.#view.setUint32(tag, values.length * 4, true);
    this.#view.setUint32(tag + 4, words + pointers * 0x10000, true);
    let element = tag + WORD;
    for (const value of values) {
      layout.write(this, element, element + words * WORD, value, words);
      element += size * WORD;
    }
  }

  root<Value>(value: Value, layout: Layout<Value>): void {
    this.struct(this.#reserve(WORD), value, layout);
  }

  /** The framed message: a view of the builder's memory. */
  finish(): Uint8Array {
    this.#view.setUint32(4, (this.#end - HEADER_BYTES) / WORD, true);
    return this.#bytes.subarray(0, this.#end);
  }
}
