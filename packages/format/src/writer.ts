import { U53_END } from "./runtime.ts";

/** How the generated writer lays out one kind of struct: sizes in words, offsets in bytes. */
export interface Layout<Value> {
  words(value: Value): number;
  pointers(value: Value): number;
  /** Fills the struct whose data starts at byte `at` and whose pointers start at byte `pointers`. */
  write(message: MessageBuilder, at: number, pointers: number, value: Value, words: number): void;
}

/** Size of a struct: words of data, and pointers. */
interface Sizes {
  words: number;
  pointers: number;
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
    if (values instanceof ListEncoder) return this.#copyList(at, values.finish());
    const sizes = sizesOf(layout, values);
    const size = sizes.words + sizes.pointers;
    let element = this.reserveList(at, values.length, sizes);
    for (const value of values) {
      layout.write(this, element, element + sizes.words * WORD, value, sizes.words);
      element += size * WORD;
    }
  }

  /** Reserves the elements of a list; returns where they start. */
  reserveList(at: number, length: number, { words, pointers }: Sizes): number {
    const size = words + pointers;
    if (length * size >= MAX_LIST) throw new RangeError(`a list of ${length} structs is too long`);
    const tag = this.#reserve((length * size + 1) * WORD);
    this.#pointer(at, tag, 1, length * size * 8 + 7);
    this.#view.setUint32(tag, length * 4, true);
    this.#view.setUint32(tag + 4, words + pointers * 0x10000, true);
    return tag + WORD;
  }

  /** Copies a list that is the root of another message: all its pointers are relative to where they are. */
  #copyList(at: number, message: Uint8Array): void {
    const content = message.subarray(HEADER_BYTES + WORD);
    const target = this.#reserve(content.length);
    this.#bytes.set(content, target);
    this.#pointer(at, target, 1, new DataView(message.buffer, message.byteOffset).getUint32(HEADER_BYTES + 4, true));
  }

  /** Reserves the pointer to the root of the message; returns where it is. */
  reserveRoot(): number {
    return this.#reserve(WORD);
  }

  root<Value>(value: Value, layout: Layout<Value>): void {
    this.struct(this.reserveRoot(), value, layout);
  }

  /** The framed message: a view of the builder's memory. */
  finish(): Uint8Array {
    this.#view.setUint32(4, (this.#end - HEADER_BYTES) / WORD, true);
    return this.#bytes.subarray(0, this.#end);
  }
}

function sizesOf<Value>(layout: Layout<Value>, values: Iterable<Value>): Sizes {
  let words = 0;
  let pointers = 0;
  for (const value of values) {
    words = Math.max(words, layout.words(value));
    pointers = Math.max(pointers, layout.pointers(value));
  }
  return { words, pointers };
}

/**
 * Encodes a list of structs value by value, so that not all of them are in memory at once, and the caller can do other work
 * between two. The result takes the place of an array of these values, and becomes the same bytes.
 */
export class ListEncoder<Value> {
  readonly #layout: Layout<Value>;
  readonly #sizes: Sizes;
  readonly #message = new MessageBuilder();
  readonly #used: Sizes = { words: 0, pointers: 0 };
  #element: number;
  #left: number;

  /** @param like values that take as many words and pointers as the largest of the list */
  constructor(layout: Layout<Value>, length: number, like: Iterable<Value>) {
    this.#layout = layout;
    this.#left = length;
    this.#sizes = length === 0 ? this.#used : sizesOf(layout, like);
    this.#element = this.#message.reserveList(this.#message.reserveRoot(), length, this.#sizes);
  }

  /** Encodes the next value. Throws RangeError if it does not fit, or the list is complete. */
  add(value: Value): void {
    const { words, pointers } = this.#sizes;
    this.#used.words = Math.max(this.#used.words, this.#layout.words(value));
    this.#used.pointers = Math.max(this.#used.pointers, this.#layout.pointers(value));
    if (this.#used.words > words || this.#used.pointers > pointers || this.#left-- === 0)
      throw new RangeError("a value is larger than was announced, or one too many");
    this.#layout.write(this.#message, this.#element, this.#element + words * WORD, value, words);
    this.#element += (words + pointers) * WORD;
  }

  /** This list where the types of the generated writer want an array of its values. */
  get values(): readonly Value[] {
    return this as unknown as readonly Value[];
  }

  /** A message with the list as its root. Throws RangeError if it is not complete, or its values are smaller than was announced. */
  finish(): Uint8Array {
    const { words, pointers } = this.#sizes;
    if (this.#left !== 0 || this.#used.words !== words || this.#used.pointers !== pointers)
      throw new RangeError("values are missing, or smaller than was announced");
    return this.#message.finish();
  }
}
