// Code generated from schema/jsonstring.ts by make codegen. DO NOT EDIT.
import { failure, narrow, type Bytes } from "../runtime.ts";
import {
  ASCII_END,
  BACKSLASH,
  LINE_FEED,
  LOWER_B,
  LOWER_F,
  LOWER_N,
  LOWER_R,
  LOWER_T,
  LOWER_U,
  QUOTE,
  RETURN,
  SLASH,
  SPACE,
  TAB,
  UPPER_A,
  UPPER_F,
} from "./ascii.ts";
import { NO_DIGIT, hexDigit } from "./digest.ts";
import { MAX_NAME_BYTES } from "./names.ts";
import { Rule } from "./rules.ts";

const BAD_CHARACTER = 0xffffffff;

const HIGH_SURROGATE = 0xd800;

const LOW_SURROGATE = 0xdc00;

const SURROGATE_END = 0xe000;

const PAIRED = 0x10000;

const LARGEST_CODE_POINT = 0x10ffff;

const BACKSPACE = 0x8;

const FORM_FEED = 0xc;

/** A character of a string: its code point, or BAD_CHARACTER, and where the next one starts. */
export interface Character {
  readonly code: number;
  readonly next: number;
}

function badCharacter(at: number): Character {
  return { code: BAD_CHARACTER, next: at };
}

/** Value of a hexadecimal digit of either case, NO_DIGIT for anything else. */
function anyHexDigit(code: number): number {
  if (code >= UPPER_A && code <= UPPER_F) {
    return hexDigit((code | 0x20) >>> 0);
  }
  return hexDigit(code);
}

/** The UTF-16 code unit of the four hexadecimal digits at `at`, or BAD_CHARACTER. */
function codeUnit(json: Bytes, at: number): number {
  let unit: number = 0;
  for (let i = 0; i < 4; i++) {
    const digit = anyHexDigit(json.at(narrow(at) + i));
    if (digit >= NO_DIGIT) {
      return BAD_CHARACTER;
    }
    unit = (((unit & 0xfff) << 4) | digit) >>> 0;
  }
  return unit;
}

/** The escape whose backslash is at `at`. */
function escaped(json: Bytes, start: number): Character {
  const at = narrow(start);
  const letter = json.at(at + 1);
  if (letter === QUOTE || letter === BACKSLASH || letter === SLASH) {
    return { code: letter, next: at + 2 };
  }
  if (letter === LOWER_B) {
    return { code: BACKSPACE, next: at + 2 };
  }
  if (letter === LOWER_F) {
    return { code: FORM_FEED, next: at + 2 };
  }
  if (letter === LOWER_N) {
    return { code: LINE_FEED, next: at + 2 };
  }
  if (letter === LOWER_R) {
    return { code: RETURN, next: at + 2 };
  }
  if (letter === LOWER_T) {
    return { code: TAB, next: at + 2 };
  }
  if (letter !== LOWER_U) {
    return badCharacter(at);
  }
  const high = codeUnit(json, at + 2);
  if (high === BAD_CHARACTER) {
    return badCharacter(at);
  }
  if (high < HIGH_SURROGATE || high >= SURROGATE_END) {
    return { code: high, next: at + 6 };
  }
  if (high >= LOW_SURROGATE || json.at(at + 6) !== BACKSLASH || json.at(at + 7) !== LOWER_U) {
    return badCharacter(at);
  }
  const low = codeUnit(json, at + 8);
  if (low < LOW_SURROGATE || low >= SURROGATE_END) {
    return badCharacter(at);
  }
  return { code: PAIRED + ((high & 0x3ff) << 10) + (low & 0x3ff), next: at + 12 };
}

/** A character of several bytes at `at`: well-formed UTF-8 only. */
function multibyte(json: Bytes, start: number): Character {
  const at = narrow(start);
  const lead = json.at(at);
  const size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (lead < 0xc2 || lead > 0xf4) {
    return badCharacter(at);
  }
  let code: number = size === 2 ? lead & 0x1f : size === 3 ? lead & 0xf : lead & 0x7;
  for (let i = 1; i < size; i++) {
    const byte = json.at(at + i);
    if (byte >>> 6 !== 2) {
      return badCharacter(at);
    }
    code = ((code & 0xffff) << 6) | (byte & 0x3f);
  }
  if (size === 3 && (code < 0x800 || (code >= HIGH_SURROGATE && code < SURROGATE_END))) {
    return badCharacter(at);
  }
  if (size === 4 && (code < PAIRED || code > LARGEST_CODE_POINT)) {
    return badCharacter(at);
  }
  return { code: code, next: at + size };
}

/** The character of a string at `at`. */
function character(json: Bytes, at: number): Character {
  const code = json.at(at);
  if (code < SPACE) {
    return badCharacter(at);
  }
  if (code === BACKSLASH) {
    return escaped(json, at);
  }
  if (code < ASCII_END) {
    return { code: code, next: narrow(at) + 1 };
  }
  return multibyte(json, at);
}

/** Whether a byte of a string is a character by itself, without an escape. */
function isPlain(code: number): boolean {
  return code >= SPACE && code < ASCII_END && code !== QUOTE && code !== BACKSLASH;
}

/** The position of the closing quote of the string whose opening quote is at `at`; fails if the string is not well-formed. */
export function stringEnd(json: Bytes, at: number): number {
  let position: number = narrow(at) + 1;
  for (let measure = 0, bound = Infinity; position < json.length; bound = measure) {
    measure = json.length > position ? json.length - position : 0;
    if (measure >= bound) break;
    const code = json.at(position);
    if (code === QUOTE) {
      return position;
    }
    if (isPlain(code)) {
      position = narrow(position) + 1;
      continue;
    }
    const next = character(json, position);
    if (next.code === BAD_CHARACTER) {
      throw failure(Rule["manifest-string"], 0, position);
    }
    position = next.next;
  }
  throw failure(Rule["manifest-string"], 0, at);
}

/** Whether two well-formed strings, given by their opening quotes, have the same characters. */
export function sameString(json: Bytes, a: number, b: number): boolean {
  let left: number = narrow(a) + 1;
  let right: number = narrow(b) + 1;
  for (let measure = 0, bound = Infinity; left < json.length; bound = measure) {
    measure = json.length > left ? json.length - left : 0;
    if (measure >= bound) break;
    if (json.at(left) === QUOTE || json.at(right) === QUOTE) {
      return json.at(left) === json.at(right);
    }
    const one = character(json, left);
    const other = character(json, right);
    if (one.code !== other.code) {
      return false;
    }
    left = one.next;
    right = other.next;
  }
  return false;
}

/** Whether the well-formed string whose opening quote is at `at` is `wanted`, which has at most MAX_NAME_BYTES, plain characters. */
export function stringIs(json: Bytes, at: number, wanted: Bytes): boolean {
  const length = Math.min(wanted.length, MAX_NAME_BYTES);
  let position: number = narrow(at) + 1;
  for (let i = 0; i < length; i++) {
    const code = json.at(position);
    if (code === wanted.at(i)) {
      position = narrow(position) + 1;
    } else {
      if (code !== BACKSLASH) {
        return false;
      }
      const next = escaped(json, position);
      if (next.code !== wanted.at(i)) {
        return false;
      }
      position = next.next;
    }
  }
  return json.at(position) === QUOTE;
}

/**
 * Copies the characters of a well-formed string into `plain`, as many as fit; returns the number of all its characters.
 * One that is not ASCII is copied as 0.
 */
export function copyString(json: Bytes, at: number, plain: Uint8Array): number {
  let position: number = narrow(at) + 1;
  let count: number = 0;
  for (let measure = 0, bound = Infinity; position < json.length && json.at(position) !== QUOTE; bound = measure) {
    measure = json.length > position ? json.length - position : 0;
    if (measure >= bound) break;
    const code = json.at(position);
    if (isPlain(code)) {
      plain[count] = code & 0x7f;
      position = narrow(position) + 1;
    } else {
      const next = character(json, position);
      plain[count] = next.code < ASCII_END ? next.code & 0x7f : 0;
      position = next.next;
    }
    count = narrow(count) + 1;
  }
  return count;
}
