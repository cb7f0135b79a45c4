/**
 * Strings of JSON (RFC 8259) in UTF-8: where they end, whether they are well-formed, and comparison after escapes.
 *
 * A string is named by the position of its opening quote.
 */
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
import { hexDigit, NO_DIGIT } from "./digest.ts";
import { atMost, decreases, fail, u32 } from "./language.ts";
import type { Bytes, Scratch, Value, u53, u8 } from "./language.ts";
import { MAX_NAME_BYTES } from "./names.ts";

/** A character of a string: its code point, or BAD_CHARACTER, and where the next one starts. */
interface Character extends Value {
  code: u32;
  next: u53;
}

const BAD_CHARACTER: u32 = 0xffffffff;

/* UTF-16: a pair of surrogates, a high and a low one, is one code point of at least 2^16. */
const HIGH_SURROGATE: u32 = 0xd800;
const LOW_SURROGATE: u32 = 0xdc00;
const SURROGATE_END: u32 = 0xe000;
const PAIRED: u32 = 0x10000;
const LARGEST_CODE_POINT: u32 = 0x10ffff;

/* Control characters that have an escape of one letter, and no name of their own in JSON otherwise. */
const BACKSPACE: u32 = 0x08;
const FORM_FEED: u32 = 0x0c;

function badCharacter(at: u53): Character {
  return { code: BAD_CHARACTER, next: at };
}

/** Value of a hexadecimal digit of either case, NO_DIGIT for anything else. */
function anyHexDigit(code: u32): u32 {
  if (code >= UPPER_A && code <= UPPER_F) return hexDigit(code | 0x20);
  return hexDigit(code);
}

/** The UTF-16 code unit of the four hexadecimal digits at `at`, or BAD_CHARACTER. */
function codeUnit(json: Bytes, at: u53): u32 {
  let unit: u32 = 0;
  for (let i: u32 = 0; i < 4; i++) {
    const digit: u32 = anyHexDigit(json[u32(at) + i]);
    if (digit >= NO_DIGIT) return BAD_CHARACTER;
    unit = ((unit & 0xfff) << 4) | digit;
  }
  return unit;
}

/** The escape whose backslash is at `at`. */
function escaped(json: Bytes, start: u53): Character {
  const at: u32 = u32(start);
  const letter: u32 = json[at + 1];
  if (letter === QUOTE || letter === BACKSLASH || letter === SLASH) return { code: letter, next: at + 2 };
  if (letter === LOWER_B) return { code: BACKSPACE, next: at + 2 };
  if (letter === LOWER_F) return { code: FORM_FEED, next: at + 2 };
  if (letter === LOWER_N) return { code: LINE_FEED, next: at + 2 };
  if (letter === LOWER_R) return { code: RETURN, next: at + 2 };
  if (letter === LOWER_T) return { code: TAB, next: at + 2 };
  if (letter !== LOWER_U) return badCharacter(at);
  const high: u32 = codeUnit(json, at + 2);
  if (high === BAD_CHARACTER) return badCharacter(at);
  if (high < HIGH_SURROGATE || high >= SURROGATE_END) return { code: high, next: at + 6 };
  // Half a pair of surrogates is no character.
  if (high >= LOW_SURROGATE || json[at + 6] !== BACKSLASH || json[at + 7] !== LOWER_U) return badCharacter(at);
  const low: u32 = codeUnit(json, at + 8);
  if (low < LOW_SURROGATE || low >= SURROGATE_END) return badCharacter(at);
  return { code: PAIRED + ((high & 0x3ff) << 10) + (low & 0x3ff), next: at + 12 };
}

/** A character of several bytes at `at`: well-formed UTF-8 only. */
function multibyte(json: Bytes, start: u53): Character {
  const at: u32 = u32(start);
  const lead: u32 = json[at];
  const size: u32 = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (lead < 0xc2 || lead > 0xf4) return badCharacter(at);
  let code: u32 = size === 2 ? lead & 0x1f : size === 3 ? lead & 0x0f : lead & 0x07;
  for (let i: u32 = 1; i < size; i++) {
    const byte: u32 = json[at + i];
    if (byte >> 6 !== 2) return badCharacter(at);
    code = ((code & 0xffff) << 6) | (byte & 0x3f);
  }
  if (size === 3 && (code < 0x800 || (code >= HIGH_SURROGATE && code < SURROGATE_END))) return badCharacter(at);
  if (size === 4 && (code < PAIRED || code > LARGEST_CODE_POINT)) return badCharacter(at);
  return { code: code, next: at + size };
}

/** The character of a string at `at`. */
function character(json: Bytes, at: u53): Character {
  const code: u32 = json[at];
  if (code < SPACE) return badCharacter(at);
  if (code === BACKSLASH) return escaped(json, at);
  if (code < ASCII_END) return { code: code, next: u32(at) + 1 };
  return multibyte(json, at);
}

/** Whether a byte of a string is a character by itself, without an escape. */
function isPlain(code: u32): boolean {
  return code >= SPACE && code < ASCII_END && code !== QUOTE && code !== BACKSLASH;
}

/** The position of the closing quote of the string whose opening quote is at `at`; fails if the string is not well-formed. */
export function stringEnd(json: Bytes, at: u53): u53 {
  let position: u53 = u32(at) + 1;
  while (position < json.length) {
    decreases(json.length - position);
    const code: u32 = json[position];
    if (code === QUOTE) return position;
    if (isPlain(code)) {
      position = u32(position) + 1;
      continue;
    }
    const next = character(json, position);
    if (next.code === BAD_CHARACTER) fail("manifest-string", 0, position);
    position = next.next;
  }
  fail("manifest-string", 0, at);
}

/** Whether two well-formed strings, given by their opening quotes, have the same characters. */
export function sameString(json: Bytes, a: u53, b: u53): boolean {
  let left: u53 = u32(a) + 1;
  let right: u53 = u32(b) + 1;
  while (left < json.length) {
    decreases(json.length - left);
    if (json[left] === QUOTE || json[right] === QUOTE) return json[left] === json[right];
    const one = character(json, left);
    const other = character(json, right);
    if (one.code !== other.code) return false;
    left = one.next;
    right = other.next;
  }
  return false;
}

/** Whether the well-formed string whose opening quote is at `at` is `wanted`, which has at most MAX_NAME_BYTES, plain characters. */
export function stringIs(json: Bytes, at: u53, wanted: Bytes): boolean {
  const length: u32 = atMost(wanted.length, MAX_NAME_BYTES);
  let position: u53 = u32(at) + 1;
  for (let i: u32 = 0; i < length; i++) {
    const code: u32 = json[position];
    if (code === wanted[i]) {
      position = u32(position) + 1;
    } else {
      if (code !== BACKSLASH) return false;
      const next = escaped(json, position);
      if (next.code !== wanted[i]) return false;
      position = next.next;
    }
  }
  return json[position] === QUOTE;
}

/**
 * Copies the characters of a well-formed string into `plain`, as many as fit; returns the number of all its characters.
 * One that is not ASCII is copied as 0.
 */
export function copyString(json: Bytes, at: u53, plain: Scratch<u8>): u53 {
  let position: u53 = u32(at) + 1;
  let count: u53 = 0;
  while (position < json.length && json[position] !== QUOTE) {
    decreases(json.length - position);
    const code: u32 = json[position];
    if (isPlain(code)) {
      plain[count] = code & 0x7f;
      position = u32(position) + 1;
    } else {
      const next = character(json, position);
      plain[count] = next.code < ASCII_END ? next.code & 0x7f : 0;
      position = next.next;
    }
    count = u32(count) + 1;
  }
  return count;
}
