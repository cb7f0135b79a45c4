/**
 * The language of the specification, which the compiler in packages/codegen reads.
 *
 * The specification is type-checked as TypeScript but never executed. Both implementations come from one
 * intermediate form, so the meaning is the compiler's: integers are unsigned and exact up to 2^53 − 1, an
 * operation that could leave its range is checked, reads are total (out of range is zero or empty), and
 * there is no allocation, recursion or closure.
 */

/* Integers of declared width. u53 fields above 2^53 − 1 read as U53_END, so that a rule can refuse them. */
export type u8 = number;
export type u16 = number;
export type u32 = number;
export type u53 = number;
/** Signed; read and copied only. */
export type i53 = number;

/* Members of a struct: the Cap'n Proto type and the ordinal. The names on the wire: U53 is UInt64, I53 is Int64. */
export type Void<_ordinal extends number> = null;
export type Bool<_ordinal extends number> = boolean;
export type U16<_ordinal extends number> = u16;
export type U32<_ordinal extends number> = u32;
export type U53<_ordinal extends number> = u53;
export type I53<_ordinal extends number> = i53;
export type Data<_ordinal extends number> = Bytes;
export type Ref<T extends Struct, _ordinal extends number> = T;
export type List<T extends Struct, _ordinal extends number = 0> = Items<T>;
/** A member that is written only if some struct of the list has it: a list without it has the older, smaller layout. */
export type Added<T> = T;
/** A named union: it has exactly one member, and `kind` is its name ("invalid" for a tag that is not specified). */
export type Union<Members> = Members & { kind: (keyof Members & string) | "invalid" };

/** A struct on the wire. */
export interface Struct {
  readonly struct?: never;
}

/** A plain record of an algorithm: a result of several values, or a state. Not on the wire. */
export interface Value {
  readonly value?: never;
}

/** A record that is passed by reference, and to which others keep references: the caller provides its memory. */
export interface Shared {
  readonly shared?: never;
}

/** A sequence of bytes of the input; never a copy. Reads outside it return 0. */
export interface Bytes {
  readonly length: u32;
  readonly [index: number]: u8;
  /** Little-endian integers at a byte offset. */
  u16(offset: u53): u16;
  u32(offset: u53): u32;
  u53(offset: u53): u53;
  i53(offset: u53): i53;
  /** The bytes from `start` up to `end`, both clamped to the length. */
  slice(start: u53, end: u53): Bytes;
}

/** A list of structs on the wire. Elements outside it read as empty structs. */
export interface Items<T> {
  readonly length: u32;
  readonly [index: number]: T;
  [Symbol.iterator](): Iterator<T>;
}

/** Zeroed memory of the caller. Reads outside it return 0, writes outside it are dropped. */
export interface Scratch<T extends u8 | u32 | u53 | boolean> {
  readonly length: u53;
  [index: number]: T;
}
export type bit = boolean;

/** 2^53: one more than the largest integer. Larger integers of the input read as this. */
export declare const U53_END: u53;

/** An integer in 32 bits; a larger one becomes the largest. */
export declare function u32(value: u53): u32;

/** The bytes of a literal of printable ASCII. */
export declare function text(literal: string): Bytes;

/** `a - b`, or 0 if b is larger: a subtraction that needs no check. */
export declare function difference(a: u53, b: u53): u53;

/** `value`, or `limit` if that is smaller. A loop over few bytes or records neither pauses nor ends early. */
export declare function atMost(value: u53, limit: u53): u53;

/**
 * Byte order of at most `most` bytes, then of lengths: 0 if `a` comes first, 1 if they are equal, 2 if `b` comes first. `most` is
 * small, so that it takes no more time than a short loop.
 */
export declare function compareBytes(a: Bytes, b: Bytes, most: u32): u32;

/** The part of a message that another function found, as a struct of the declared type. */
export declare function view<T extends Struct>(part: object): T;

/** The position of a struct, bytes from the start of its message. */
export declare function offsetOf(struct: Struct): u53;

/** Follows the pointer of one member strictly: a malformed one fails instead of reading as empty. Its words are subtracted from `work`. */
export declare function checked<T>(member: T, work: Scratch<u53>): T;

/** Ends the function: the input breaks `rule`, at inode number `inode` (0 if none is concerned) and byte `offset`. */
export declare function fail(rule: string | u32, inode: u53, offset: u53): never;

/**
 * The measure of a loop; the loop ends if it has not become smaller. In a kernel, a loop whose rounds the input determines
 * pauses now and then, and ends early if its task is killed.
 */
export declare function decreases(measure: u53): void;

/** The same, but the loop ends if the measure is more than half of the one before: so after 53 rounds. */
export declare function halves(measure: u53): void;

/** The number of `rule`; 0 is none. */
export declare function ruleNumber(rule: string): u32;
