/**
 * Other encodings of the same message: several segments, far and double-far pointers, gaps, objects in any order,
 * structs that are shorter (older writers) or longer (newer ones) than the specification has them, with data or pointers
 * that it does not know.
 */
import { Random } from "@puzzlefs/testing";

interface StructNode {
  kind: "struct";
  data: Uint8Array;
  pointers: Node[];
}
interface DataNode {
  kind: "data";
  data: Uint8Array;
}
interface ListNode {
  kind: "list";
  elements: StructNode[];
  words: number;
  pointers: number;
}
type Node = StructNode | DataNode | ListNode | undefined;

/** Reads what MessageBuilder writes: one segment, structs, lists of structs, lists of bytes. */
class Reader {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;

  constructor(message: Uint8Array) {
    this.#bytes = message;
    this.#view = new DataView(message.buffer, message.byteOffset, message.length);
  }

  struct(at: number, words: number, pointers: number): StructNode {
    const data = this.#bytes.slice(at, at + words * 8);
    const end = at + words * 8;
    return { kind: "struct", data, pointers: Array.from({ length: pointers }, (_, i) => this.pointer(end + i * 8)) };
  }

  pointer(at: number): Node {
    const low = this.#view.getInt32(at, true);
    const high = this.#view.getUint32(at + 4, true);
    if (low === 0 && high === 0) return undefined;
    const target = at + 8 + (low >> 2) * 8;
    if ((low & 3) === 0) return this.struct(target, high & 0xffff, high >>> 16);
    if ((high & 7) === 2) return { kind: "data", data: this.#bytes.slice(target, target + (high >>> 3)) };
    const count = this.#view.getUint32(target, true) >>> 2;
    const words = this.#view.getUint16(target + 4, true);
    const pointers = this.#view.getUint16(target + 6, true);
    const size = (words + pointers) * 8;
    const elements = Array.from({ length: count }, (_, i) => this.struct(target + 8 + i * size, words, pointers));
    return { kind: "list", elements, words, pointers };
  }
}

/** A segment, and a word in it. */
interface Location {
  segment: number;
  word: number;
}

class Writer {
  readonly #random: Random;
  /** Words of each segment. */
  readonly #segments: bigint[][];

  constructor(random: Random, segments: number) {
    this.#random = random;
    // To the `capnp` tool a segment of no words is none: each but the first starts with an unused word.
    this.#segments = Array.from({ length: segments }, (_, i) => (i === 0 ? [] : [0n]));
  }

  #words(segment: number): bigint[] {
    return this.#segments[segment] ?? [];
  }

  #reserve(words: number, segment = this.#random.below(this.#segments.length)): Location {
    const target = this.#words(segment);
    // Words between objects have no meaning.
    for (let gap = this.#random.once(8) ? this.#random.below(3) : 0; gap > 0; gap--)
      target.push(BigInt(this.#random.bits()));
    const word = target.length;
    for (let i = 0; i < words; i++) target.push(0n);
    return { segment, word };
  }

  #near(at: Location, target: number, kind: number, sizes: number): void {
    const low = (((target - at.word - 1) << 2) | kind) >>> 0;
    this.#words(at.segment)[at.word] = BigInt(low) | (BigInt(sizes) << 32n);
  }

  #far(at: Location, pad: Location, double: number): void {
    this.#words(at.segment)[at.word] = BigInt(pad.word * 8 + double * 4 + 2) | (BigInt(pad.segment) << 32n);
  }

  /** Points from `at` to an object; `kind` and `sizes` are those of a near pointer. */
  #point(at: Location, target: Location, kind: number, sizes: number): void {
    const direct = at.segment === target.segment;
    if (direct && !this.#random.once(6)) {
      this.#near(at, target.word, kind, sizes);
    } else if (this.#random.once(3)) {
      const pad = this.#reserve(2);
      this.#far(at, pad, 1);
      this.#far(pad, target, 0);
      this.#words(pad.segment)[pad.word + 1] = BigInt(kind) | (BigInt(sizes) << 32n);
    } else {
      const pad = this.#reserve(1, target.segment);
      this.#far(at, pad, 0);
      this.#near(pad, target.word, kind, sizes);
    }
  }

  #fill({ data, pointers }: StructNode, at: Location, words: number): void {
    const padded = new BigUint64Array(words);
    new Uint8Array(padded.buffer).set(data.subarray(0, words * 8));
    padded.forEach((word, i) => (this.#words(at.segment)[at.word + i] = word));
    const order = this.#random.shuffled(pointers.map((_, i) => i));
    for (const i of order) this.write({ segment: at.segment, word: at.word + words + i }, pointers[i]);
  }

  write(at: Location, node: Node): void {
    if (node === undefined) return;
    if (node.kind === "data") {
      if (node.data.length === 0 && this.#random.once(2)) return;
      const target = this.#reserve(Math.ceil(node.data.length / 8));
      const bytes = new Uint8Array(Math.ceil(node.data.length / 8) * 8);
      bytes.set(node.data);
      new BigUint64Array(bytes.buffer).forEach((word, i) => (this.#words(target.segment)[target.word + i] = word));
      this.#point(at, target, 1, node.data.length * 8 + 2);
    } else if (node.kind === "struct") {
      const words = node.data.length / 8;
      const target = this.#reserve(words + node.pointers.length);
      this.#point(at, target, 0, words + node.pointers.length * 0x10000);
      this.#fill(node, target, words);
    } else {
      if (node.elements.length === 0 && this.#random.once(2)) return;
      const size = node.words + node.pointers;
      const target = this.#reserve(1 + node.elements.length * size);
      this.#point(at, target, 1, node.elements.length * size * 8 + 7);
      const tag = BigInt(node.elements.length * 4) | (BigInt(node.words + node.pointers * 0x10000) << 32n);
      this.#words(target.segment)[target.word] = tag;
      node.elements.forEach((element, i) =>
        this.#fill(element, { segment: target.segment, word: target.word + 1 + i * size }, node.words),
      );
    }
  }

  root(node: Node): void {
    this.write(this.#reserveFirst(), node);
  }

  /** The root pointer is the first word of the first segment. */
  #reserveFirst(): Location {
    this.#words(0).push(0n);
    return { segment: 0, word: 0 };
  }

  finish(): Uint8Array {
    const { length } = this.#segments;
    const head = new Uint8Array((Math.floor(length / 2) + 1) * 8);
    const view = new DataView(head.buffer);
    view.setUint32(0, length - 1, true);
    this.#segments.forEach((words, i) => view.setUint32(4 + i * 4, words.length, true));
    return Buffer.concat([head, ...this.#segments.map((words) => new Uint8Array(BigUint64Array.from(words).buffer))]);
  }
}

const segmentCounts = [1, 2, 3, 5, 40];

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

/** Changes the size of structs without changing their meaning: zero words and null pointers dropped from the end, unknown ones added. */
function resized(structs: StructNode[], random: Random): void {
  const [first] = structs;
  if (first === undefined || random.once(2)) return;
  let words = first.data.length / 8;
  let pointers = first.pointers.length;
  if (random.once(2)) {
    while (words > 0 && structs.every(({ data }) => isZero(data.subarray(words * 8 - 8)))) words--;
    while (
      pointers > 0 &&
      structs.every((struct) => struct.pointers.slice(pointers - 1).every((node) => node === undefined))
    )
      pointers--;
  } else if (first.data.length > 0) {
    words += random.below(2);
  }
  const hasUnknown = pointers === first.pointers.length && random.once(4);
  for (const struct of structs) {
    const data = new Uint8Array(words * 8);
    data.set(struct.data.subarray(0, words * 8));
    struct.data = data;
    struct.pointers.length = pointers;
    if (hasUnknown) struct.pointers.push({ kind: "data", data: random.bytes(random.below(20)) });
  }
}

function resizeAll(node: Node, random: Random): void {
  if (node === undefined || node.kind === "data") return;
  const structs = node.kind === "list" ? node.elements : [node];
  for (const { pointers } of structs) for (const inner of pointers) resizeAll(inner, random);
  resized(structs, random);
  const [first] = structs;
  if (node.kind === "list" && first !== undefined) {
    node.words = first.data.length / 8;
    node.pointers = first.pointers.length;
  }
}

/** A row of the table of chunks. */
export interface TableRow {
  digest: Uint8Array;
  offset: number;
  length: number;
  compressed: boolean;
}

/**
 * The message of one segment `message` with the table of chunks that the first versions of the builder wrote for `--pack`: the
 * third pointer of the root struct. Its digests are wrong, which no reader may notice.
 */
export function withChunkTable(message: Uint8Array, rows: readonly TableRow[], random = new Random(0)): Uint8Array {
  const root = new Reader(message).pointer(8);
  if (root?.kind !== "struct") throw new Error("no root struct");
  const words = (...numbers: number[]): Uint8Array => new Uint8Array(BigUint64Array.from(numbers, BigInt).buffer);
  const wrong = (): Node => ({ kind: "data", data: new Uint8Array(32) });
  const elements = rows.map(({ digest, offset, length, compressed }): StructNode => {
    const blob: Node = {
      kind: "struct",
      data: words(offset, Number(compressed)),
      pointers: [{ kind: "data", data: digest }],
    };
    return { kind: "struct", data: words(length), pointers: [blob, wrong(), wrong()] };
  });
  root.pointers[2] = { kind: "list", elements, words: 1, pointers: 3 };
  const writer = new Writer(random, random.pick(segmentCounts));
  writer.root(root);
  return writer.finish();
}

/** The message of one segment `message`, encoded in another way; `sizes`: with structs of other sizes, too. */
export function reencoded(message: Uint8Array, random: Random, sizes = true): Uint8Array {
  const root = new Reader(message).pointer(8);
  if (sizes) resizeAll(root, random);
  const writer = new Writer(random, random.pick(segmentCounts));
  writer.root(root);
  return writer.finish();
}
