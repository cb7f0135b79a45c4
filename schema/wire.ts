/**
 * Cap'n Proto's encoding: segments, pointers, structs and lists.
 *
 * Positions are counted in words of 8 bytes from the start of the message. For any pointer the result is inside its
 * segment or empty; `checked…` fails with the rule that a refused pointer breaks.
 * Source: https://capnproto.org/encoding.html
 */
import { difference, fail, halves, ruleNumber, u32 } from "./language.ts";
import type { Bytes, Scratch, Shared, Value, i53, u16, u53 } from "./language.ts";

/** Largest number of segments: the limit of the reference implementation. */
export const MAX_SEGMENTS: u32 = 512;
/** Largest message, bytes: positions in words fit 29 bits. */
export const MAX_MESSAGE_BYTES: u53 = 0xfffffff8;
/** Largest metadata, bytes: readers keep it in memory. */
export const MAX_METADATA_BYTES: u53 = 0x40000000;
/** Largest table of segments, bytes: their number and sizes, in whole words. */
export const MAX_HEADER_BYTES: u32 = MAX_SEGMENTS * 4 + 8;

/** A message: its bytes, and where each of its segments starts (one more start ends the last one). */
export interface Message extends Shared {
  bytes: Bytes;
  segments: u32;
  starts: Scratch<u32>;
}

/** A struct: its data section starts at word `at`, its pointers follow it. */
export interface StructPart extends Value {
  message: Message;
  at: u32;
  words: u16;
  pointers: u16;
}

/** A list of structs: the first of `count` elements starts at word `at`. */
export interface ListPart extends Value {
  message: Message;
  at: u32;
  count: u32;
  words: u16;
  pointers: u16;
}

/** A pointer, followed to its target: `rule` is 0 if it is valid, `kind` one of POINTER_…. */
export interface Pointer extends Value {
  rule: u32;
  kind: u32;
  at: u32;
  /** Upper half of the pointer: the sizes of its target. */
  sizes: u32;
}

export const POINTER_NULL: u32 = 0;
export const POINTER_STRUCT: u32 = 1;
export const POINTER_LIST: u32 = 2;

/* The two low bits of a pointer. */
const NEAR_STRUCT: u32 = 0;
const NEAR_LIST: u32 = 1;
const FAR: u32 = 2;

/* The size of a list's elements, as encoded in its pointer. */
const ELEMENT_BYTE: u32 = 2;
const ELEMENT_COMPOSITE: u32 = 7;

/* Offsets of pointers are signed, of 30 bits. */
const OFFSET_SPAN: u53 = 0x40000000;
const OFFSET_HALF: u53 = 0x20000000;

/**
 * Reads the table of segments of a message of `size` bytes; returns their number.
 * `header` is its first MAX_HEADER_BYTES, or all of a smaller one, so that it can
 * be read before the rest. `starts` has room for MAX_SEGMENTS + 1 positions.
 */
export function readSegments(header: Bytes, size: u53, starts: Scratch<u32>): u32 {
  if (size > MAX_MESSAGE_BYTES) fail("message-too-large", 0, 0);
  if (size < 8) fail("message-truncated", 0, 0);
  if (header.u32(0) >= MAX_SEGMENTS) fail("message-segments", 0, 0);
  const segments: u32 = u32(header.u32(0) + 1);
  const words: u32 = u32(size / 8);
  let start: u53 = segments / 2 + 1;
  for (let i: u32 = 0; i < segments; i++) {
    if (start > words) fail("message-truncated", 0, i * 4 + 4);
    starts[i] = u32(start);
    start = start + header.u32(i * 4 + 4);
  }
  if (start > words) fail("message-truncated", 0, 0);
  if (u32(start) * 8 !== size) fail("message-trailing-bytes", 0, u32(start) * 8);
  starts[segments] = u32(start);
  return segments;
}

/** A message in memory. `starts` has room for MAX_SEGMENTS + 1 positions. */
export function openMessage(bytes: Bytes, starts: Scratch<u32>): Message {
  const segments: u32 = readSegments(bytes, bytes.length, starts);
  return { bytes: bytes, segments: segments, starts: starts };
}

/** The segment that has word `at`. */
function segmentOf(message: Message, at: u32): u32 {
  let low: u32 = 0;
  let high: u32 = message.segments;
  while (low + 1 < high) {
    halves(difference(high, low + 1));
    const middle: u32 = (low + high) / 2;
    if (message.starts[middle] <= at) low = middle;
    else high = middle;
  }
  return low;
}

/** A pointer that breaks `rule`, or is null if that is 0. */
function refused(rule: u32): Pointer {
  return { rule: rule, kind: POINTER_NULL, at: 0, sizes: 0 };
}

/** The target of a near pointer at word `at` whose lower half is `low`; 0 is outside any segment. */
function nearTarget(at: u32, low: u32): u32 {
  const offset: u53 = low >> 2;
  const target: u53 = at + 1 + offset;
  if (offset < OFFSET_HALF) return u32(target);
  return u32(difference(target, OFFSET_SPAN));
}

/** Words of a list, its tag included. */
function listWords(sizes: u32): u32 {
  const count: u53 = sizes >> 3;
  const size: u32 = sizes & 7;
  if (size === 0) return 0;
  if (size === 1) return (count + 63) / 64;
  if (size === 2) return (count + 7) / 8;
  if (size === 3) return (count + 3) / 4;
  if (size === 4) return (count + 1) / 2;
  if (size === 7) return count + 1;
  return count;
}

/** Words of the target of a near pointer. */
function targetWords(low: u32, sizes: u32): u32 {
  if ((low & 3) === NEAR_STRUCT) return (sizes & 65535) + (sizes >> 16);
  return listWords(sizes);
}

/** A near pointer in, or for, a segment: its halves, and its target. `rule` is 0 unless the far pointer that leads to it breaks one. */
interface NearPointer extends Value {
  rule: u32;
  segment: u32;
  target: u32;
  low: u32;
  sizes: u32;
}

/** A far pointer that breaks `rule`. */
function farRefused(rule: u32): NearPointer {
  return { rule: rule, segment: 0, target: 0, low: 0, sizes: 0 };
}

/** Follows the far pointer whose halves are `low` and `high` to its landing pad. */
function landingPad(message: Message, low: u32, high: u32): NearPointer {
  if (high >= message.segments) return farRefused(ruleNumber("far-pointer-segment"));
  const pad: u53 = message.starts[high] + (low >> 3);
  const padWords: u53 = (low & 4) === 0 ? 1 : 2;
  if (pad + padWords > message.starts[high + 1]) return farRefused(ruleNumber("far-pointer-out-of-bounds"));
  const padLow: u32 = message.bytes.u32(pad * 8);
  const padHigh: u32 = message.bytes.u32(pad * 8 + 4);
  if (padWords === 1) {
    if ((padLow & 3) === FAR) return farRefused(ruleNumber("far-pointer-chain"));
    // Null in a landing pad is an empty struct, so no list, as in capnp.
    return { rule: 0, segment: high, target: nearTarget(u32(pad), padLow), low: padLow, sizes: padHigh };
  }
  if ((padLow & 7) !== FAR) return farRefused(ruleNumber("far-pointer-chain"));
  if (padHigh >= message.segments) return farRefused(ruleNumber("far-pointer-segment"));
  const tagLow: u32 = message.bytes.u32(pad * 8 + 8);
  const tagHigh: u32 = message.bytes.u32(pad * 8 + 12);
  if (tagLow >> 2 !== 0) return farRefused(ruleNumber("far-pointer-tag"));
  const target: u32 = u32(message.starts[padHigh] + (padLow >> 3));
  return { rule: 0, segment: padHigh, target: target, low: tagLow, sizes: tagHigh };
}

/** The near pointer at word `at`, or that to which the far pointer there leads. */
function nearPointer(message: Message, at: u32, low: u32, high: u32): NearPointer {
  if ((low & 3) === FAR) return landingPad(message, low, high);
  return { rule: 0, segment: segmentOf(message, at), target: nearTarget(at, low), low: low, sizes: high };
}

/** Follows the pointer at word `at`, which is inside the message. A target is refused unless all of it is inside its segment. */
export function followPointer(message: Message, at: u32): Pointer {
  const low: u32 = message.bytes.u32(at * 8);
  const high: u32 = message.bytes.u32(at * 8 + 4);
  if (low === 0 && high === 0) return refused(0);
  const near = nearPointer(message, at, low, high);
  if (near.rule !== 0) return refused(near.rule);
  const kind: u32 = near.low & 3;
  if (kind > NEAR_LIST) return refused(ruleNumber("pointer-kind"));
  const target: u32 = near.target;
  const end: u53 = target + targetWords(near.low, near.sizes);
  if (target < message.starts[near.segment]) return refused(ruleNumber("pointer-out-of-bounds"));
  if (end > message.starts[near.segment + 1]) return refused(ruleNumber("pointer-out-of-bounds"));
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
    if (pointer.sizes >> 3 === 0) return refused(0);
    return refused(ruleNumber("list-element-size"));
  }
  const low: u32 = message.bytes.u32(pointer.at * 8);
  const sizes: u32 = message.bytes.u32(pointer.at * 8 + 4);
  if ((low & 3) !== NEAR_STRUCT) return refused(ruleNumber("list-tag"));
  const words: u53 = (sizes & 65535) + (sizes >> 16);
  if ((low >> 2) * words > pointer.sizes >> 3) return refused(ruleNumber("list-tag"));
  return { rule: 0, kind: POINTER_STRUCT, at: low >> 2, sizes: sizes };
}

/** The struct behind a pointer; empty if it points to something else. */
function structOf(message: Message, pointer: Pointer): StructPart {
  if (pointer.kind !== POINTER_STRUCT) return emptyStruct(message);
  return { message: message, at: pointer.at, words: pointer.sizes & 65535, pointers: pointer.sizes >> 16 };
}

/** The list of structs behind a pointer; empty if it points to something else. */
function listOf(message: Message, pointer: Pointer): ListPart {
  if (pointer.kind !== POINTER_LIST) return emptyList(message);
  const tag = listTag(message, pointer);
  if (tag.kind !== POINTER_STRUCT) return emptyList(message);
  return {
    message: message,
    at: u32(pointer.at + 1),
    count: tag.at,
    words: tag.sizes & 65535,
    pointers: tag.sizes >> 16,
  };
}

/** The bytes behind a pointer; empty if it points to something else. */
function bytesOf(message: Message, pointer: Pointer): Bytes {
  if (pointer.kind !== POINTER_LIST || (pointer.sizes & 7) !== ELEMENT_BYTE) return message.bytes.slice(0, 0);
  return message.bytes.slice(pointer.at * 8, pointer.at * 8 + (pointer.sizes >> 3));
}

/** The struct behind pointer `index`, or an empty one. */
export function structField(part: StructPart, index: u32): StructPart {
  if (index >= part.pointers) return emptyStruct(part.message);
  return structOf(part.message, followPointer(part.message, u32(part.at + part.words + index)));
}

/** The list of structs behind pointer `index`, or an empty one. */
export function listField(part: StructPart, index: u32): ListPart {
  if (index >= part.pointers) return emptyList(part.message);
  return listOf(part.message, followPointer(part.message, u32(part.at + part.words + index)));
}

/** The bytes behind pointer `index`, or none. */
export function dataField(part: StructPart, index: u32): Bytes {
  if (index >= part.pointers) return part.message.bytes.slice(0, 0);
  return bytesOf(part.message, followPointer(part.message, u32(part.at + part.words + index)));
}

/** Element `index` of a list, or an empty struct. */
export function element(list: ListPart, index: u32): StructPart {
  if (index >= list.count) return emptyStruct(list.message);
  const at: u53 = list.at + index * (list.words + list.pointers);
  return { message: list.message, at: u32(at), words: list.words, pointers: list.pointers };
}

/* Integers of a data section, at an offset in bytes. */

export function boolField(part: StructPart, offset: u32, mask: u32): boolean {
  if (offset >= part.words * 8) return false;
  return (part.message.bytes[part.at * 8 + offset] & mask) !== 0;
}

export function u16Field(part: StructPart, offset: u32): u16 {
  if (offset >= part.words * 8) return 0;
  return part.message.bytes.u16(part.at * 8 + offset);
}

export function u32Field(part: StructPart, offset: u32): u32 {
  if (offset >= part.words * 8) return 0;
  return part.message.bytes.u32(part.at * 8 + offset);
}

export function u53Field(part: StructPart, offset: u32): u53 {
  if (offset >= part.words * 8) return 0;
  return part.message.bytes.u53(part.at * 8 + offset);
}

export function i53Field(part: StructPart, offset: u32): i53 {
  if (offset >= part.words * 8) return 0;
  return part.message.bytes.i53(part.at * 8 + offset);
}

/** Subtracts `words` from the work that the size of the message allows: a small message cannot cost minutes. */
export function spend(work: Scratch<u53>, words: u53, offset: u53): void {
  if (words > work[0]) fail("traversal-limit", 0, offset);
  const left = work[0] - words;
  work[0] = left;
}

/* The same as structField, listField and dataField, but they fail on a malformed pointer. A null pointer is empty. */

export function checkedRoot(message: Message): StructPart {
  if (message.starts[0] + 1 > message.starts[1]) fail("root-missing", 0, 0);
  const pointer = followPointer(message, message.starts[0]);
  if (pointer.rule !== 0) fail(pointer.rule, 0, message.starts[0] * 8);
  if (pointer.kind !== POINTER_STRUCT) fail("root-missing", 0, message.starts[0] * 8);
  return structOf(message, pointer);
}

/** The pointer at `index`, which is null or of `kind`. */
function checkedPointer(part: StructPart, index: u32, kind: u32): Pointer {
  if (index >= part.pointers) return refused(0);
  const at: u53 = part.at + part.words + index;
  const pointer = followPointer(part.message, u32(at));
  if (pointer.rule !== 0) fail(pointer.rule, 0, at * 8);
  if (pointer.kind !== POINTER_NULL && pointer.kind !== kind) fail("pointer-kind", 0, at * 8);
  return pointer;
}

/** Whether pointer `index` is null, as most of the optional ones are. */
function isNull(part: StructPart, index: u32): boolean {
  if (index >= part.pointers) return true;
  const at: u53 = part.at + part.words + index;
  return part.message.bytes.u32(at * 8) === 0 && part.message.bytes.u32(at * 8 + 4) === 0;
}

export function checkedStruct(part: StructPart, index: u32, work: Scratch<u53>): StructPart {
  if (isNull(part, index)) {
    spend(work, 1, part.at * 8);
    return emptyStruct(part.message);
  }
  const pointer = checkedPointer(part, index, POINTER_STRUCT);
  const target = structOf(part.message, pointer);
  spend(work, 1 + target.words + target.pointers, part.at * 8);
  return target;
}

export function checkedList(part: StructPart, index: u32, work: Scratch<u53>): ListPart {
  if (isNull(part, index)) return emptyList(part.message);
  const pointer = checkedPointer(part, index, POINTER_LIST);
  const list = listOf(part.message, pointer);
  if (pointer.kind === POINTER_LIST) {
    const tag = listTag(part.message, pointer);
    if (tag.rule !== 0) fail(tag.rule, 0, pointer.at * 8);
    const words: u53 = list.words + list.pointers;
    if (words === 0 && list.count !== 0) fail("list-empty-structs", 0, pointer.at * 8);
    spend(work, 1 + list.count * words, pointer.at * 8);
  }
  return list;
}

export function checkedData(part: StructPart, index: u32, work: Scratch<u53>): Bytes {
  if (isNull(part, index)) {
    spend(work, 1, part.at * 8);
    return part.message.bytes.slice(0, 0);
  }
  const pointer = checkedPointer(part, index, POINTER_LIST);
  if (pointer.kind === POINTER_LIST && (pointer.sizes & 7) !== ELEMENT_BYTE) {
    fail("list-element-size", 0, pointer.at * 8);
  }
  const bytes = bytesOf(part.message, pointer);
  spend(work, bytes.length / 8 + 1, part.at * 8);
  return bytes;
}
