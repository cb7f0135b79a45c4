/** The part of the runtime that generated structs need, above the generated wire format. */
import { element, type ListPart, type StructPart } from "./generated/wire.ts";
import { Bytes } from "./runtime.ts";

/** A view of a list of structs in a message. */
export class StructList<T> implements Iterable<T> {
  readonly part: ListPart;
  readonly #type: new (part: StructPart) => T;

  constructor(part: ListPart, type: new (part: StructPart) => T) {
    this.part = part;
    this.#type = type;
  }

  get length(): number {
    return this.part.count;
  }

  /** Element `index`; outside the list an empty struct. */
  at(index: number): T {
    return new this.#type(element(this.part, index));
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let i = 0; i < this.part.count; i++) yield this.at(i);
  }
}

const NOTHING = {
  bytes: new Bytes(new Uint8Array(0), 0, 0),
  segments: 0,
  starts: new Uint32Array(2),
};

/* Values of the members of a union that it does not have. */
export const ABSENT_BYTES = NOTHING.bytes;
export const ABSENT: StructPart = { message: NOTHING, at: 0, words: 0, pointers: 0 };
export const ABSENT_LIST: ListPart = { message: NOTHING, at: 0, count: 0, words: 0, pointers: 0 };
