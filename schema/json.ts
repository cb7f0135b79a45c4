/**
 * A scanner of JSON (RFC 8259). It checks the whole text: grammar, UTF-8, escapes, no duplicate key in an object, limits of
 * depth and number of keys.
 */
import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  isDigit,
  LINE_FEED,
  LOWER_E,
  LOWER_F,
  LOWER_N,
  LOWER_T,
  MINUS,
  OPEN_BRACE,
  OPEN_BRACKET,
  PERIOD,
  PLUS,
  QUOTE,
  RETURN,
  SPACE,
  TAB,
  UPPER_E,
  ZERO,
} from "./ascii.ts";
import { sameString, stringEnd } from "./jsonstring.ts";
import { atMost, decreases, difference, fail, text, u32 } from "./language.ts";
import type { Bytes, Scratch, Value, u53, u8 } from "./language.ts";

/** Largest depth of objects and arrays. */
export const MAX_DEPTH: u32 = 32;
/** Largest number of keys of one object: each is compared with all others. */
export const MAX_KEYS: u32 = 64;
/** Room for a mark of everything that is open, by depth. */
export const OPEN_MARKS: u32 = MAX_DEPTH + 1;
/** Numbers that are kept of one object: how many keys it has, and their positions. */
const KEY_STRIDE: u32 = MAX_KEYS + 1;
/** Room for those of every object that may be open, by depth. */
export const KEY_POSITIONS: u32 = (MAX_DEPTH + 1) * (MAX_KEYS + 1);

/** Characters of `false`. */
const LONGEST_LITERAL: u32 = 5;

/* What may come next. */
const WANT_VALUE: u32 = 0;
const WANT_VALUE_OR_END: u32 = 1;
const WANT_KEY: u32 = 2;
const WANT_KEY_OR_END: u32 = 3;
const WANT_COLON: u32 = 4;
const WANT_COMMA_OR_END: u32 = 5;
const WANT_NOTHING: u32 = 6;

/** Marks of what is open at a depth. */
export const OBJECT: u8 = 1;
export const ARRAY: u8 = 2;

/** The end of the number at `at`: just after it. */
function numberEnd(json: Bytes, at: u53): u53 {
  let position: u53 = json[at] === MINUS ? u32(at) + 1 : u32(at);
  if (!isDigit(json[position])) fail("manifest-syntax", 0, position);
  if (json[position] === ZERO) position = u32(position) + 1;
  else position = digitsEnd(json, position);
  if (json[position] === PERIOD) {
    position = u32(position) + 1;
    if (!isDigit(json[position])) fail("manifest-syntax", 0, position);
    position = digitsEnd(json, position);
  }
  if (json[position] === LOWER_E || json[position] === UPPER_E) {
    position = u32(position) + 1;
    if (json[position] === PLUS || json[position] === MINUS) position = u32(position) + 1;
    if (!isDigit(json[position])) fail("manifest-syntax", 0, position);
    position = digitsEnd(json, position);
  }
  return position;
}

/** The first position from `at` on that has no digit. */
function digitsEnd(json: Bytes, at: u53): u53 {
  let position: u53 = at;
  while (position < json.length && isDigit(json[position])) {
    decreases(json.length - position);
    position = u32(position) + 1;
  }
  return position;
}

/** The end of the literal `word` at `at`; fails if another text is there. */
function literalEnd(json: Bytes, at: u53, word: Bytes): u53 {
  const length: u32 = atMost(word.length, LONGEST_LITERAL);
  for (let i: u32 = 0; i < length; i++) {
    if (json[u32(at) + i] !== word[i]) fail("manifest-syntax", 0, u32(at) + i);
  }
  return u32(at) + word.length;
}

/** The end of the string, number or literal at `at`: just after it. */
function scalarEnd(json: Bytes, at: u53): u53 {
  const code: u32 = json[at];
  if (code === QUOTE) {
    const end = stringEnd(json, at);
    return u32(end) + 1;
  }
  if (code === LOWER_T) return literalEnd(json, at, text("true"));
  if (code === LOWER_F) return literalEnd(json, at, text("false"));
  if (code === LOWER_N) return literalEnd(json, at, text("null"));
  return numberEnd(json, at);
}

/** Records a key of the object at `depth`, and refuses a duplicate. */
function recordKey(json: Bytes, at: u53, depth: u32, keys: Scratch<u32>): void {
  const first: u53 = depth * KEY_STRIDE;
  const count: u32 = keys[first];
  if (count >= MAX_KEYS) fail("manifest-object-too-large", 0, at);
  for (let i: u32 = 0; i < count; i++) {
    if (sameString(json, keys[first + 1 + i], at)) fail("manifest-key-twice", 0, at);
  }
  keys[first + 1 + count] = u32(at);
  keys[first] = u32(count + 1);
}

/** A step of the scanner: an object or array that is opened or closed, or a scalar; and the state after it. */
export interface Step extends Value {
  /** One of STEP_…. */
  kind: u32;
  /** Objects and arrays that are open after it. */
  depth: u32;
  /** Position of the last key. */
  key: u53;
  /** Where it starts. */
  start: u53;
  /** Where the scan goes on. */
  at: u53;
  /** One of WANT_…: what may come next. */
  want: u32;
}

/* Kinds of a step. */

/** The whole text has been read. */
export const STEP_NONE: u32 = 0;
export const STEP_OPENED: u32 = 1;
export const STEP_CLOSED: u32 = 2;
export const STEP_SCALAR: u32 = 3;

/** The state before the first step. */
export function scanStart(): Step {
  return { kind: STEP_NONE, depth: 0, key: 0, start: 0, at: 0, want: WANT_VALUE };
}

/** The step at the end, at `at`, of the innermost object or array. */
function closeInnermost(json: Bytes, open: Scratch<u8>, last: Step, want: u32, at: u53): Step {
  const object: boolean = json[at] === CLOSE_BRACE;
  const closable: boolean = want === WANT_COMMA_OR_END || want === (object ? WANT_KEY_OR_END : WANT_VALUE_OR_END);
  const kind: u8 = object ? OBJECT : ARRAY;
  if (!closable || last.depth === 0 || open[last.depth] !== kind) fail("manifest-syntax", 0, at);
  const depth: u32 = u32(difference(last.depth, 1));
  const next: u32 = depth === 0 ? WANT_NOTHING : WANT_COMMA_OR_END;
  return { kind: STEP_CLOSED, depth: depth, key: last.key, start: at, at: u32(at) + 1, want: next };
}

/** The step at the start, at `at`, of an object or array. */
function openNested(json: Bytes, open: Scratch<u8>, keys: Scratch<u32>, last: Step, key: u53, at: u53): Step {
  const object: boolean = json[at] === OPEN_BRACE;
  if (last.depth >= MAX_DEPTH) fail("manifest-too-deep", 0, at);
  if (last.depth === 0 && !object) fail("manifest-syntax", 0, at);
  const depth: u32 = u32(last.depth + 1);
  const want: u32 = object ? WANT_KEY_OR_END : WANT_VALUE_OR_END;
  open[depth] = object ? OBJECT : ARRAY;
  keys[depth * KEY_STRIDE] = 0;
  return { kind: STEP_OPENED, depth: depth, key: key, start: at, at: u32(at) + 1, want: want };
}

/**
 * The step after `last`; the text up to its end has been checked. `open` has room for OPEN_MARKS, `keys` for
 * KEY_POSITIONS; both keep the scanner's state and belong to one scan.
 */
export function nextStep(json: Bytes, open: Scratch<u8>, keys: Scratch<u32>, last: Step): Step {
  const depth: u32 = last.depth;
  let at: u53 = last.at;
  let want: u32 = last.want;
  let key: u53 = last.key;
  while (at < json.length) {
    decreases(json.length - at);
    const code: u32 = json[at];
    const start: u53 = at;
    if (code === SPACE || code === TAB || code === LINE_FEED || code === RETURN) {
      at = u32(at) + 1;
    } else if (want === WANT_NOTHING) {
      fail("manifest-syntax", 0, at);
    } else if (want === WANT_COLON) {
      if (code !== COLON) fail("manifest-syntax", 0, at);
      want = WANT_VALUE;
      at = u32(at) + 1;
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      return closeInnermost(json, open, last, want, at);
    } else if (want === WANT_COMMA_OR_END) {
      if (code !== COMMA) fail("manifest-syntax", 0, at);
      want = open[depth] === OBJECT ? WANT_KEY : WANT_VALUE;
      at = u32(at) + 1;
    } else if (want === WANT_KEY || want === WANT_KEY_OR_END) {
      if (code !== QUOTE) fail("manifest-syntax", 0, at);
      const keyEnd = scalarEnd(json, start);
      recordKey(json, start, depth, keys);
      key = start;
      at = keyEnd;
      want = WANT_COLON;
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      return openNested(json, open, keys, last, key, at);
    } else {
      if (depth === 0) fail("manifest-syntax", 0, at);
      const end = scalarEnd(json, start);
      return { kind: STEP_SCALAR, depth: depth, key: key, start: start, at: end, want: WANT_COMMA_OR_END };
    }
  }
  if (want !== WANT_NOTHING) fail("manifest-syntax", 0, at);
  return { kind: STEP_NONE, depth: 0, key: key, start: at, at: at, want: want };
}
