// Code generated from schema/json.ts by make codegen. DO NOT EDIT.
import { failure, narrow, text, type Bytes } from "../runtime.ts";
import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
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
  isDigit,
} from "./ascii.ts";
import { sameString, stringEnd } from "./jsonstring.ts";
import { Rule } from "./rules.ts";

/** Largest depth of objects and arrays. */
export const MAX_DEPTH = 32;

/** Largest number of keys of one object: each is compared with all others. */
export const MAX_KEYS = 64;

/** Room for a mark of everything that is open, by depth. */
export const OPEN_MARKS = MAX_DEPTH + 1;

/** Numbers that are kept of one object: how many keys it has, and their positions. */
const KEY_STRIDE = MAX_KEYS + 1;

/** Room for those of every object that may be open, by depth. */
export const KEY_POSITIONS = (MAX_DEPTH + 1) * (MAX_KEYS + 1);

/** Characters of `false`. */
const LONGEST_LITERAL = 5;

const WANT_VALUE = 0;

const WANT_VALUE_OR_END = 1;

const WANT_KEY = 2;

const WANT_KEY_OR_END = 3;

const WANT_COLON = 4;

const WANT_COMMA_OR_END = 5;

const WANT_NOTHING = 6;

/** Marks of what is open at a depth. */
export const OBJECT = 1;

export const ARRAY = 2;

/** The whole text has been read. */
export const STEP_NONE = 0;

export const STEP_OPENED = 1;

export const STEP_CLOSED = 2;

export const STEP_SCALAR = 3;

/** A step of the scanner: an object or array that is opened or closed, or a scalar; and the state after it. */
export interface Step {
  /** One of STEP_…. */
  readonly kind: number;
  /** Objects and arrays that are open after it. */
  readonly depth: number;
  /** Position of the last key. */
  readonly key: number;
  /** Where it starts. */
  readonly start: number;
  /** Where the scan goes on. */
  readonly at: number;
  /** One of WANT_…: what may come next. */
  readonly want: number;
}

/** The end of the number at `at`: just after it. */
function numberEnd(json: Bytes, at: number): number {
  let position: number = json.at(at) === MINUS ? narrow(at) + 1 : narrow(at);
  if (!isDigit(json.at(position))) {
    throw failure(Rule["manifest-syntax"], 0, position);
  }
  if (json.at(position) === ZERO) {
    position = narrow(position) + 1;
  } else {
    position = digitsEnd(json, position);
  }
  if (json.at(position) === PERIOD) {
    position = narrow(position) + 1;
    if (!isDigit(json.at(position))) {
      throw failure(Rule["manifest-syntax"], 0, position);
    }
    position = digitsEnd(json, position);
  }
  if (json.at(position) === LOWER_E || json.at(position) === UPPER_E) {
    position = narrow(position) + 1;
    if (json.at(position) === PLUS || json.at(position) === MINUS) {
      position = narrow(position) + 1;
    }
    if (!isDigit(json.at(position))) {
      throw failure(Rule["manifest-syntax"], 0, position);
    }
    position = digitsEnd(json, position);
  }
  return position;
}

/** The first position from `at` on that has no digit. */
function digitsEnd(json: Bytes, at: number): number {
  let position: number = at;
  for (let measure = 0, bound = Infinity; position < json.length && isDigit(json.at(position)); bound = measure) {
    measure = json.length > position ? json.length - position : 0;
    if (measure >= bound) break;
    position = narrow(position) + 1;
  }
  return position;
}

/** The end of the literal `word` at `at`; fails if another text is there. */
function literalEnd(json: Bytes, at: number, word: Bytes): number {
  const length = Math.min(word.length, LONGEST_LITERAL);
  for (let i = 0; i < length; i++) {
    if (json.at(narrow(at) + i) !== word.at(i)) {
      throw failure(Rule["manifest-syntax"], 0, narrow(at) + i);
    }
  }
  return narrow(at) + word.length;
}

/** The end of the string, number or literal at `at`: just after it. */
function scalarEnd(json: Bytes, at: number): number {
  const code = json.at(at);
  if (code === QUOTE) {
    const end = stringEnd(json, at);
    return narrow(end) + 1;
  }
  if (code === LOWER_T) {
    return literalEnd(json, at, text("true"));
  }
  if (code === LOWER_F) {
    return literalEnd(json, at, text("false"));
  }
  if (code === LOWER_N) {
    return literalEnd(json, at, text("null"));
  }
  return numberEnd(json, at);
}

/** Records a key of the object at `depth`, and refuses a duplicate. */
function recordKey(json: Bytes, at: number, depth: number, keys: Uint32Array): void {
  const first = depth * KEY_STRIDE;
  const count = keys[first] ?? 0;
  if (count >= MAX_KEYS) {
    throw failure(Rule["manifest-object-too-large"], 0, at);
  }
  for (let i = 0; i < count; i++) {
    if (sameString(json, keys[first + 1 + i] ?? 0, at)) {
      throw failure(Rule["manifest-key-twice"], 0, at);
    }
  }
  keys[first + 1 + count] = narrow(at);
  keys[first] = narrow(count + 1);
}

/** The state before the first step. */
export function scanStart(): Step {
  return { kind: STEP_NONE, depth: 0, key: 0, start: 0, at: 0, want: WANT_VALUE };
}

/** The step at the end, at `at`, of the innermost object or array. */
function closeInnermost(json: Bytes, open: Uint8Array, last: Step, want: number, at: number): Step {
  const object = json.at(at) === CLOSE_BRACE;
  const closable = want === WANT_COMMA_OR_END || want === (object ? WANT_KEY_OR_END : WANT_VALUE_OR_END);
  const kind = object ? OBJECT : ARRAY;
  if (!closable || last.depth === 0 || (open[last.depth] ?? 0) !== kind) {
    throw failure(Rule["manifest-syntax"], 0, at);
  }
  const depth = last.depth > 1 ? last.depth - 1 : 0;
  const next = depth === 0 ? WANT_NOTHING : WANT_COMMA_OR_END;
  return { kind: STEP_CLOSED, depth: depth, key: last.key, start: at, at: narrow(at) + 1, want: next };
}

/** The step at the start, at `at`, of an object or array. */
function openNested(json: Bytes, open: Uint8Array, keys: Uint32Array, last: Step, key: number, at: number): Step {
  const object = json.at(at) === OPEN_BRACE;
  if (last.depth >= MAX_DEPTH) {
    throw failure(Rule["manifest-too-deep"], 0, at);
  }
  if (last.depth === 0 && !object) {
    throw failure(Rule["manifest-syntax"], 0, at);
  }
  const depth = narrow(last.depth + 1);
  const want = object ? WANT_KEY_OR_END : WANT_VALUE_OR_END;
  open[depth] = object ? OBJECT : ARRAY;
  keys[depth * KEY_STRIDE] = 0;
  return { kind: STEP_OPENED, depth: depth, key: key, start: at, at: narrow(at) + 1, want: want };
}

/**
 * The step after `last`; the text up to its end has been checked. `open` has room for OPEN_MARKS, `keys` for
 * KEY_POSITIONS; both keep the scanner's state and belong to one scan.
 */
export function nextStep(json: Bytes, open: Uint8Array, keys: Uint32Array, last: Step): Step {
  const depth = last.depth;
  let at: number = last.at;
  let want: number = last.want;
  let key: number = last.key;
  for (let measure = 0, bound = Infinity; at < json.length; bound = measure) {
    measure = json.length > at ? json.length - at : 0;
    if (measure >= bound) break;
    const code = json.at(at);
    const start = at;
    if (code === SPACE || code === TAB || code === LINE_FEED || code === RETURN) {
      at = narrow(at) + 1;
    } else {
      if (want === WANT_NOTHING) {
        throw failure(Rule["manifest-syntax"], 0, at);
      } else {
        if (want === WANT_COLON) {
          if (code !== COLON) {
            throw failure(Rule["manifest-syntax"], 0, at);
          }
          want = WANT_VALUE;
          at = narrow(at) + 1;
        } else {
          if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
            return closeInnermost(json, open, last, want, at);
          } else {
            if (want === WANT_COMMA_OR_END) {
              if (code !== COMMA) {
                throw failure(Rule["manifest-syntax"], 0, at);
              }
              want = (open[depth] ?? 0) === OBJECT ? WANT_KEY : WANT_VALUE;
              at = narrow(at) + 1;
            } else {
              if (want === WANT_KEY || want === WANT_KEY_OR_END) {
                if (code !== QUOTE) {
                  throw failure(Rule["manifest-syntax"], 0, at);
                }
                const keyEnd = scalarEnd(json, start);
                recordKey(json, start, depth, keys);
                key = start;
                at = keyEnd;
                want = WANT_COLON;
              } else {
                if (code === OPEN_BRACE || code === OPEN_BRACKET) {
                  return openNested(json, open, keys, last, key, at);
                } else {
                  if (depth === 0) {
                    throw failure(Rule["manifest-syntax"], 0, at);
                  }
                  const end = scalarEnd(json, start);
                  return { kind: STEP_SCALAR, depth: depth, key: key, start: start, at: end, want: WANT_COMMA_OR_END };
                }
              }
            }
          }
        }
      }
    }
  }
  if (want !== WANT_NOTHING) {
    throw failure(Rule["manifest-syntax"], 0, at);
  }
  return { kind: STEP_NONE, depth: 0, key: key, start: at, at: at, want: want };
}
