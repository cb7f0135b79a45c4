// Code generated from schema/wire.ts by make codegen. DO NOT EDIT.
import { checkedAdd, checkedSubtract, failure, narrow, type Bytes } from "../runtime.ts";
import { Rule } from "./rules.ts";

/** Largest number of segments: the limit of the reference implementation. */
export const MAX_SEGMENTS = 512;

/** Largest message, bytes: positions in words fit 29 bits. */
export const MAX_MESSAGE_BYTES = 0xfffffff8;

/** Largest metadata, bytes: readers keep it in memory. */
export const MAX_METADATA_BYTES = 0x40000000;

/** Largest table of segments, bytes: their number and sizes, in whole words. */
export const MAX_HEADER_BYTES = MAX_SEGMENTS * 4 + 8;

export const POINTER_NULL = 0;

export const POINTER_STRUCT = 1;

export const POINTER_LIST = 2;

const NEAR_STRUCT = 0;

const NEAR_LIST = 1;

const FAR = 2;

const ELEMENT_BYTE = 2;

const ELEMENT_COMPOSITE = 7;

const OFFSET_SPAN = 0x40000000;

const OFFSET_HALF = 0x20000000;

/** A message: its bytes, and where each of its segments starts (one more start ends the last one). */
export interface Message {
  readonly bytes: Bytes;
  readonly segments: number;
  readonly starts: Uint32Array;
}

/** A struct: its data section starts at word `at`, its pointers follow it. */
export interface StructPart {
  readonly message: Message;
  readonly at: number;
  readonly words: number;
  readonly pointers: number;
}

/** A list of structs: the first of `count` elements starts at word `at`. */
export interface ListPart {
  readonly message: Message;
  readonly at: number;
  readonly count: number;
  readonly words: number;
  readonly pointers: number;
}

/** A pointer, followed to its target: `rule` is 0 if it is valid, `kind` one of POINTER_…. */
export interface Pointer {
  readonly rule: number;
  readonly kind: number;
  readonly at: number;
  /** Upper half of the pointer: the sizes of its target. */
  readonly sizes: number;
}

/** A near pointer in, or for, a segment: its halves, and its target. `rule` is 0 unless the far pointer that leads to it breaks one. */
export interface NearPointer {
  readonly rule: number;
  readonly segment: number;
  readonly target: number;
  readonly low: number;
  readonly sizes: number;
}

/**
 * Reads the table of segments of a message of `size` bytes; returns their number.
 * `header` is its first MAX_HEADER_BYTES, or all of a smaller one, so that it can
 * be read before the rest. `starts` has room for MAX_SEGMENTS + 1 positions.
 */
export function readSegments(header: Bytes, size: number, starts: Uint32Array): number {
  if (size > MAX_MESSAGE_BYTES) {
    throw failure(Rule["message-too-large"], 0, 0);
  }
  if (size < 8) {
    throw failure(Rule["message-truncated"], 0, 0);
  }
  if (header.u32(0) >= MAX_SEGMENTS) {
    throw failure(Rule["message-segments"], 0, 0);
  }
  const segments = narrow(header.u32(0) + 1);
  const words = narrow(Math.floor(size / 8));
  let start: number = (segments >>> 1) + 1;
  for (let i = 0; i < segments; i++) {
    if (start > words) {
      throw failure(Rule["message-truncated"], 0, i * 4 + 4);
    }
    starts[i] = narrow(start);
    start = checkedAdd(start, header.u32(i * 4 + 4));
  }
  if (start > words) {
    throw failure(Rule["message-truncated"], 0, 0);
  }
  if (narrow(start) * 8 !== size) {
    throw failure(Rule["message-trailing-bytes"], 0, narrow(start) * 8);
  }
  starts[segments] = narrow(start);
  return segments;
}

/** A message in memory. `starts` has room for MAX_SEGMENTS + 1 positions. */
export function openMessage(bytes: Bytes, starts: Uint32Array): Message {
  const segments = readSegments(bytes, bytes.length, starts);
  return { bytes: bytes, segments: segments, starts: starts };
}

/** The segment that has word `at`. */
function segmentOf(message: Message, at: number): number {
  let low: number = 0;
  let high: number = message.segments;
  for (let measure = 0, bound = Infinity; low + 1 < high; bound = measure) {
    measure = high > low + 1 ? high - (low + 1) : 0;
    if (measure > bound / 2 || bound === 0) break;
    const middle = Math.floor((low + high) / 2);
    if ((message.starts[middle] ?? 0) <= at) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

/** A pointer that breaks `rule`, or is null if that is 0. */
function refused(rule: number): Pointer {
  return { rule: rule, kind: POINTER_NULL, at: 0, sizes: 0 };
}

/** The target of a near pointer at word `at` whose lower half is `low`; 0 is outside any segment. */
function nearTarget(at: number, low: number): number {
  const offset = low >>> 2;
  const target = at + 1 + offset;
  if (offset < OFFSET_HALF) {
    return narrow(target);
  }
  return target > OFFSET_SPAN ? target - OFFSET_SPAN : 0;
}

/** Words of a list, its tag included. */
function listWords(sizes: number): number {
  const count = sizes >>> 3;
  const size = sizes & 7;
  if (size === 0) {
    return 0;
  }
  if (size === 1) {
    return (count + 63) >>> 6;
  }
  if (size === 2) {
    return (count + 7) >>> 3;
  }
  if (size === 3) {
    return (count + 3) >>> 2;
  }
  if (size === 4) {
    return (count + 1) >>> 1;
  }
  if (size === 7) {
    return count + 1;
  }
  return count;
}

/** Words of the target of a near pointer. */
function targetWords(low: number, sizes: number): number {
  if ((low & 3) === NEAR_STRUCT) {
    return (sizes & 65535) + (sizes >>> 16);
  }
  return listWords(sizes);
}

/** A far pointer that breaks `rule`. */
function farRefused(rule: number): NearPointer {
  return { rule: rule, segment: 0, target: 0, low: 0, sizes: 0 };
}

/** Follows the far pointer whose halves are `low` and `high` to its landing pad. */
function landingPad(message: Message, low: number, high: number): NearPointer {
  if (high >= message.segments) {
    return farRefused(Rule["far-pointer-segment"]);
  }
  const pad = (message.starts[high] ?? 0) + (low >>> 3);
  const padWords = (low & 4) === 0 ? 1 : 2;
  if (pad + padWords > (message.starts[high + 1] ?? 0)) {
    return farRefused(Rule["far-pointer-out-of-bounds"]);
  }
  const padLow = message.bytes.u32(pad * 8);
  const padHigh = message.bytes.u32(pad * 8 + 4);
  if (padWords === 1) {
    if ((padLow & 3) === FAR) {
      return farRefused(Rule["far-pointer-chain"]);
    }
    return { rule: 0, segment: high, target: nearTarget(narrow(pad), padLow), low: padLow, sizes: padHigh };
  }
  if ((padLow & 7) !== FAR) {
    return farRefused(Rule["far-pointer-chain"]);
  }
  if (padHigh >= message.segments) {
    return farRefused(Rule["far-pointer-segment"]);
  }
  const tagLow = message.bytes.u32(pad * 8 + 8);
  const tagHigh = message.bytes.u32(pad * 8 + 12);
  if (tagLow >>> 2 !== 0) {
    return farRefused(Rule["far-pointer-tag"]);
  }
  const target = narrow((message.starts[padHigh] ?? 0) + (padLow >>> 3));
  return { rule: 0, segment: padHigh, target: target, low: tagLow, sizes: tagHigh };
}

/** The near pointer at word `at`, or that to which the far pointer there leads. */
function nearPointer(message: Message, at: number, low: number, high: number): NearPointer {
  if ((low & 3) === FAR) {
    return landingPad(message, low, high);
  }
  return { rule: 0, segment: segmentOf(message, at), target: nearTarget(at, low), low: low, sizes: high };
}

/** Follows the pointer at word `at`, which is inside the message. A target is refused unless all of it is inside its segment. */
export function followPointer(message: Message, at: number): Pointer {
  const low = message.bytes.u32(at * 8);
  const high = message.bytes.u32(at * 8 + 4);
  if (low === 0 && high === 0) {
    return refused(0);
  }
  const near = nearPointer(message, at, low, high);
  if (near.rule !== 0) {
    return refused(near.rule);
  }
  const kind = near.low & 3;
  if (kind > NEAR_LIST) {
    return refused(Rule["pointer-kind"]);
  }
  const target = near.target;
  const end = target + targetWords(near.low, near.sizes);
  if (target < (message.starts[near.segment] ?? 0)) {
    return refused(Rule["pointer-out-of-bounds"]);
  }
  if (end > (message.starts[near.segment + 1] ?? 0)) {
    return refused(Rule["pointer-out-of-bounds"]);
  }
  return { rule: 0, kind: kind === NEAR_STRUCT ? POINTER_STRUCT : POINTER_LIST, at: target, sizes: near.sizes };
}

function emptyStruct(message: Message): StructPart {
  return { message: message, at: 0, words: 0, pointers: 0 };
}

function emptyList(message: Message): ListPart {
  return { message: message, at: 0, count: 0, words: 0, pointers: 0 };
}

/** The tag of the list of structs behind a valid list pointer, as a pointer whose `at` is the number of elements. */
function listTag(message: Message, pointer: Pointer): Pointer {
  if ((pointer.sizes & 7) !== ELEMENT_COMPOSITE) {
    if (pointer.sizes >>> 3 === 0) {
      return refused(0);
    }
    return refused(Rule["list-element-size"]);
  }
  const low = message.bytes.u32(pointer.at * 8);
  const sizes = message.bytes.u32(pointer.at * 8 + 4);
  if ((low & 3) !== NEAR_STRUCT) {
    return refused(Rule["list-tag"]);
  }
  const words = (sizes & 65535) + (sizes >>> 16);
  if ((low >>> 2) * words > pointer.sizes >>> 3) {
    return refused(Rule["list-tag"]);
  }
  return { rule: 0, kind: POINTER_STRUCT, at: low >>> 2, sizes: sizes };
}

/** The struct behind a pointer; empty if it points to something else. */
function structOf(message: Message, pointer: Pointer): StructPart {
  if (pointer.kind !== POINTER_STRUCT) {
    return emptyStruct(message);
  }
  return { message: message, at: pointer.at, words: pointer.sizes & 65535, pointers: pointer.sizes >>> 16 };
}

/** The list of structs behind a pointer; empty if it points to something else. */
function listOf(message: Message, pointer: Pointer): ListPart {
  if (pointer.kind !== POINTER_LIST) {
    return emptyList(message);
  }
  const tag = listTag(message, pointer);
  if (tag.kind !== POINTER_STRUCT) {
    return emptyList(message);
  }
  return {
    message: message,
    at: narrow(pointer.at + 1),
    count: tag.at,
    words: tag.sizes & 65535,
    pointers: tag.sizes >>> 16,
  };
}

/** The bytes behind a pointer; empty if it points to something else. */
function bytesOf(message: Message, pointer: Pointer): Bytes {
  if (pointer.kind !== POINTER_LIST || (pointer.sizes & 7) !== ELEMENT_BYTE) {
    return message.bytes.slice(0, 0);
  }
  return message.bytes.slice(pointer.at * 8, pointer.at * 8 + (pointer.sizes >>> 3));
}

/** The struct behind pointer `index`, or an empty one. */
export function structField(part: StructPart, index: number): StructPart {
  if (index >= part.pointers) {
    return emptyStruct(part.message);
  }
  return structOf(part.message, followPointer(part.message, narrow(part.at + part.words + index)));
}

/** The list of structs behind pointer `index`, or an empty one. */
export function listField(part: StructPart, index: number): ListPart {
  if (index >= part.pointers) {
    return emptyList(part.message);
  }
  return listOf(part.message, followPointer(part.message, narrow(part.at + part.words + index)));
}

/** The bytes behind pointer `index`, or none. */
export function dataField(part: StructPart, index: number): Bytes {
  if (index >= part.pointers) {
    return part.message.bytes.slice(0, 0);
  }
  return bytesOf(part.message, followPointer(part.message, narrow(part.at + part.words + index)));
}

/** Element `index` of a list, or an empty struct. */
export function element(list: ListPart, index: number): StructPart {
  if (index >= list.count) {
    return emptyStruct(list.message);
  }
  const at = list.at + index * (list.words + list.pointers);
  return { message: list.message, at: narrow(at), words: list.words, pointers: list.pointers };
}

export function boolField(part: StructPart, offset: number, mask: number): boolean {
  if (offset >= part.words * 8) {
    return false;
  }
  return (part.message.bytes.at(part.at * 8 + offset) & mask) !== 0;
}

export function u16Field(part: StructPart, offset: number): number {
  if (offset >= part.words * 8) {
    return 0;
  }
  return part.message.bytes.u16(part.at * 8 + offset);
}

export function u32Field(part: StructPart, offset: number): number {
  if (offset >= part.words * 8) {
    return 0;
  }
  return part.message.bytes.u32(part.at * 8 + offset);
}

export function u53Field(part: StructPart, offset: number): number {
  if (offset >= part.words * 8) {
    return 0;
  }
  return part.message.bytes.u53(part.at * 8 + offset);
}

export function i53Field(part: StructPart, offset: number): number {
  if (offset >= part.words * 8) {
    return 0;
  }
  return part.message.bytes.i53(part.at * 8 + offset);
}

/** Subtracts `words` from the work that the size of the message allows: a small message cannot cost minutes. */
export function spend(work: Float64Array, words: number, offset: number): void {
  if (words > (work[0] ?? 0)) {
    throw failure(Rule["traversal-limit"], 0, offset);
  }
  const left = checkedSubtract(work[0] ?? 0, words);
  work[0] = left;
}

export function checkedRoot(message: Message): StructPart {
  if ((message.starts[0] ?? 0) + 1 > (message.starts[1] ?? 0)) {
    throw failure(Rule["root-missing"], 0, 0);
  }
  const pointer = followPointer(message, message.starts[0] ?? 0);
  if (pointer.rule !== 0) {
    throw failure(pointer.rule, 0, (message.starts[0] ?? 0) * 8);
  }
  if (pointer.kind !== POINTER_STRUCT) {
    throw failure(Rule["root-missing"], 0, (message.starts[0] ?? 0) * 8);
  }
  return structOf(message, pointer);
}

/** The pointer at `index`, which is null or of `kind`. */
function checkedPointer(part: StructPart, index: number, kind: number): Pointer {
  if (index >= part.pointers) {
    return refused(0);
  }
  const at = part.at + part.words + index;
  const pointer = followPointer(part.message, narrow(at));
  if (pointer.rule !== 0) {
    throw failure(pointer.rule, 0, at * 8);
  }
  if (pointer.kind !== POINTER_NULL && pointer.kind !== kind) {
    throw failure(Rule["pointer-kind"], 0, at * 8);
  }
  return pointer;
}

/** Whether pointer `index` is null, as most of the optional ones are. */
function isNull(part: StructPart, index: number): boolean {
  if (index >= part.pointers) {
    return true;
  }
  const at = part.at + part.words + index;
  return part.message.bytes.u32(at * 8) === 0 && part.message.bytes.u32(at * 8 + 4) === 0;
}

export function checkedStruct(part: StructPart, index: number, work: Float64Array): StructPart {
  if (isNull(part, index)) {
    spend(work, 1, part.at * 8);
    return emptyStruct(part.message);
  }
  const pointer = checkedPointer(part, index, POINTER_STRUCT);
  const target = structOf(part.message, pointer);
  spend(work, 1 + target.words + target.pointers, part.at * 8);
  return target;
}

export function checkedList(part: StructPart, index: number, work: Float64Array): ListPart {
  if (isNull(part, index)) {
    return emptyList(part.message);
  }
  const pointer = checkedPointer(part, index, POINTER_LIST);
  const list = listOf(part.message, pointer);
  if (pointer.kind === POINTER_LIST) {
    const tag = listTag(part.message, pointer);
    if (tag.rule !== 0) {
      throw failure(tag.rule, 0, pointer.at * 8);
    }
    const words = list.words + list.pointers;
    if (words === 0 && list.count !== 0) {
      throw failure(Rule["list-empty-structs"], 0, pointer.at * 8);
    }
    spend(work, 1 + list.count * words, pointer.at * 8);
  }
  return list;
}

export function checkedData(part: StructPart, index: number, work: Float64Array): Bytes {
  if (isNull(part, index)) {
    spend(work, 1, part.at * 8);
    return part.message.bytes.slice(0, 0);
  }
  const pointer = checkedPointer(part, index, POINTER_LIST);
  if (pointer.kind === POINTER_LIST && (pointer.sizes & 7) !== ELEMENT_BYTE) {
    throw failure(Rule["list-element-size"], 0, pointer.at * 8);
  }
  const bytes = bytesOf(part.message, pointer);
  spend(work, (bytes.length >>> 3) + 1, part.at * 8);
  return bytes;
}
