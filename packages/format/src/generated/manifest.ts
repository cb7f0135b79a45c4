// Code generated from schema/manifest.ts by make codegen. DO NOT EDIT.
import { failure, narrow, text, type Bytes } from "../runtime.ts";
import { HEX_DIGITS, hexDigit } from "./digest.ts";
import { SLASH } from "./names.ts";
import { Rule } from "./rules.ts";

export const MAX_MANIFEST_BYTES = 67108864;

/** Objects and arrays inside each other. */
export const MAX_DEPTH = 32;

/** Keys of one object: they are compared each with each. */
export const MAX_KEYS = 64;

/** A size that is none. */
export const NO_SIZE = 9007199254740992;

/** Room for the positions of the keys of every object that is open. */
export const KEY_POSITIONS = 2145;

const SPACE = 32;

const QUOTE = 34;

const COMMA = 44;

const MINUS = 45;

const PERIOD = 46;

const ZERO = 48;

const NINE = 57;

const COLON = 58;

const UPPER_E = 69;

const OPEN_BRACKET = 91;

const BACKSLASH = 92;

const CLOSE_BRACKET = 93;

const LOWER_B = 98;

const LOWER_E = 101;

const LOWER_F = 102;

const LOWER_N = 110;

const LOWER_R = 114;

const LOWER_T = 116;

const LOWER_U = 117;

const OPEN_BRACE = 123;

const CLOSE_BRACE = 125;

const TAB = 9;

const LINE_FEED = 10;

const RETURN = 13;

const WANT_VALUE = 0;

const WANT_VALUE_OR_END = 1;

const WANT_KEY = 2;

const WANT_KEY_OR_END = 3;

const WANT_COLON = 4;

const WANT_COMMA_OR_END = 5;

const WANT_NOTHING = 6;

const OBJECT = 1;

const ARRAY = 2;

const BAD_CHARACTER = 4294967295;

/** The whole text has been read. */
export const STEP_NONE = 0;

export const STEP_OPENED = 1;

export const STEP_CLOSED = 2;

export const STEP_SCALAR = 3;

/** There are no more. */
export const DESCRIPTOR_NONE = 0;

export const DESCRIPTOR_CONFIG = 1;

export const DESCRIPTOR_LAYER = 2;

export const TYPE_OTHER = 0;

export const TYPE_ROOTFS = 1;

export const TYPE_CHUNK = 2;

export const TYPE_COMPRESSED_CHUNK = 3;

/** The metadata blob, as the manifest describes it; its digests are in the caller's memory. */
export interface RootfsDescriptor {
  /** Where its descriptor ends in the manifest, bytes. */
  readonly end: number;
  /** Whether an fs-verity digest is annotated. */
  readonly hasVerity: boolean;
  /** Bytes of the blob, or NO_SIZE. */
  readonly size: number;
}

/** A character of a string: its code point, and where the next one starts. A bad one has `code` BAD_CHARACTER. */
export interface Character {
  readonly code: number;
  readonly next: number;
}

/** A step over the text: what comes next, and how to go on behind it. */
export interface Step {
  /** One of STEP_…. */
  readonly kind: number;
  /** Objects and arrays that are open behind it. */
  readonly depth: number;
  /** Opening quote of the last key. */
  readonly key: number;
  /** Where it starts, and where the text goes on. */
  readonly start: number;
  readonly at: number;
  readonly want: number;
}

/** A descriptor of a manifest, and how to go on behind it; its digests are in the caller's memory. */
export interface Descriptor {
  /** One of DESCRIPTOR_…. */
  readonly kind: number;
  /** One of TYPE_…. */
  readonly type: number;
  /** Whether its digest is of the form that this format knows; that of a layer always is. */
  readonly hasDigest: boolean;
  /** Whether an fs-verity digest is annotated. */
  readonly hasVerity: boolean;
  /** Bytes of the blob, or NO_SIZE. */
  readonly size: number;
  readonly inLayers: boolean;
  readonly step: Step;
}

function bad(at: number): Character {
  return { code: BAD_CHARACTER, next: at };
}

/** Value of a hexadecimal digit of either case, 16 for anything else. */
function anyHexDigit(code: number): number {
  if (code >= 65 && code <= 70) {
    return hexDigit((code | 32) >>> 0);
  }
  return hexDigit(code);
}

/** Four hexadecimal digits at `at`, or BAD_CHARACTER. */
function unicodeUnit(json: Bytes, at: number): number {
  let unit: number = 0;
  for (let i = 0; i < 4; i++) {
    const digit = anyHexDigit(json.at(narrow(at) + i));
    if (digit > 15) {
      return BAD_CHARACTER;
    }
    unit = (((unit & 4095) << 4) | digit) >>> 0;
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
    return { code: 8, next: at + 2 };
  }
  if (letter === LOWER_F) {
    return { code: 12, next: at + 2 };
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
    return bad(at);
  }
  const high = unicodeUnit(json, at + 2);
  if (high === BAD_CHARACTER) {
    return bad(at);
  }
  if (high < 55296 || high > 57343) {
    return { code: high, next: at + 6 };
  }
  if (high > 56319 || json.at(at + 6) !== BACKSLASH || json.at(at + 7) !== LOWER_U) {
    return bad(at);
  }
  const low = unicodeUnit(json, at + 8);
  if (low < 56320 || low > 57343) {
    return bad(at);
  }
  return { code: 65536 + ((high & 1023) << 10) + (low & 1023), next: at + 12 };
}

/** A character of several bytes at `at`: well-formed UTF-8 only. */
function multibyte(json: Bytes, start: number): Character {
  const at = narrow(start);
  const lead = json.at(at);
  const size = lead < 224 ? 2 : lead < 240 ? 3 : 4;
  if (lead < 194 || lead > 244) {
    return bad(at);
  }
  let code: number = size === 2 ? lead & 31 : size === 3 ? lead & 15 : lead & 7;
  for (let i = 1; i < size; i++) {
    const byte = json.at(at + i);
    if (byte >>> 6 !== 2) {
      return bad(at);
    }
    code = ((code & 65535) << 6) | (byte & 63);
  }
  if (size === 3 && (code < 2048 || (code >= 55296 && code <= 57343))) {
    return bad(at);
  }
  if (size === 4 && (code < 65536 || code > 1114111)) {
    return bad(at);
  }
  return { code: code, next: at + size };
}

/** The character of a string at `at`. */
function character(json: Bytes, at: number): Character {
  const code = json.at(at);
  if (code < SPACE) {
    return bad(at);
  }
  if (code === BACKSLASH) {
    return escaped(json, at);
  }
  if (code < 128) {
    return { code: code, next: narrow(at) + 1 };
  }
  return multibyte(json, at);
}

/** Whether a byte of a string is a character as it stands. */
function isPlain(code: number): boolean {
  return code >= SPACE && code < 128 && code !== QUOTE && code !== BACKSLASH;
}

/** Where the string whose opening quote is at `at` ends: its closing quote. */
function stringEnd(json: Bytes, at: number): number {
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

/** Whether two strings, given by their opening quotes, are the same text. Both are well-formed. */
function sameString(json: Bytes, a: number, b: number): boolean {
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

/** Whether the string whose opening quote is at `at` says `wanted`, which is all of plain characters. */
function says(json: Bytes, at: number, wanted: Bytes): boolean {
  let position: number = narrow(at) + 1;
  for (let i = 0; i < wanted.length; i++) {
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

function saysRootfsType(json: Bytes, at: number): boolean {
  return says(json, at, text("application/vnd.puzzlefs.image.rootfs.v1"));
}

function saysRootHash(json: Bytes, at: number): boolean {
  return says(json, at, text("io.puzzlefsoci.puzzlefs.puzzlefs_verity_root_hash"));
}

/** Copies the characters of a string into `plain`, as many as it has room for; gives how many there are in all. */
function copyString(json: Bytes, at: number, plain: Uint8Array): number {
  let position: number = narrow(at) + 1;
  let count: number = 0;
  for (let measure = 0, bound = Infinity; position < json.length && json.at(position) !== QUOTE; bound = measure) {
    measure = json.length > position ? json.length - position : 0;
    if (measure >= bound) break;
    const code = json.at(position);
    if (isPlain(code)) {
      plain[count] = code & 127;
      position = narrow(position) + 1;
    } else {
      const next = character(json, position);
      plain[count] = next.code < 128 ? next.code & 127 : 0;
      position = next.next;
    }
    count = narrow(count) + 1;
  }
  return count;
}

/** Where the number at `at` ends. */
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
    if (json.at(position) === 43 || json.at(position) === MINUS) {
      position = narrow(position) + 1;
    }
    if (!isDigit(json.at(position))) {
      throw failure(Rule["manifest-syntax"], 0, position);
    }
    position = digitsEnd(json, position);
  }
  return position;
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}

function digitsEnd(json: Bytes, at: number): number {
  let position: number = at;
  for (let measure = 0, bound = Infinity; position < json.length && isDigit(json.at(position)); bound = measure) {
    measure = json.length > position ? json.length - position : 0;
    if (measure >= bound) break;
    position = narrow(position) + 1;
  }
  return position;
}

/** Where the literal `word` at `at` ends. */
function wordEnd(json: Bytes, at: number, word: Bytes): number {
  for (let i = 0; i < word.length; i++) {
    if (json.at(narrow(at) + i) !== word.at(i)) {
      throw failure(Rule["manifest-syntax"], 0, narrow(at) + i);
    }
  }
  return narrow(at) + word.length;
}

/** Where the string, number or literal at `at` ends: just after it. */
function scalarEnd(json: Bytes, at: number): number {
  const code = json.at(at);
  if (code === QUOTE) {
    const end = stringEnd(json, at);
    return narrow(end) + 1;
  }
  if (code === LOWER_T) {
    return wordEnd(json, at, text("true"));
  }
  if (code === LOWER_F) {
    return wordEnd(json, at, text("false"));
  }
  if (code === LOWER_N) {
    return wordEnd(json, at, text("null"));
  }
  return numberEnd(json, at);
}

/** Notes a key of the object at `depth` and refuses one that it has already. keys[depth * (MAX_KEYS + 1)] counts them. */
function noteKey(json: Bytes, at: number, depth: number, keys: Uint32Array): void {
  const first = depth * (MAX_KEYS + 1);
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

/** Reads the digest string at `at`, "sha256:" and 64 digits, into the first 32 of `digests`; false where it is not that. */
function readDigest(json: Bytes, at: number, plain: Uint8Array, digests: Uint8Array): boolean {
  const length = copyString(json, at, plain);
  if (length !== 7 + HEX_DIGITS) {
    return false;
  }
  const prefix = text("sha256:");
  for (let i = 0; i < prefix.length; i++) {
    if ((plain[i] ?? 0) !== prefix.at(i)) {
      return false;
    }
  }
  const valid = parseDigits(plain, 7, digests, 0);
  return valid;
}

/** 64 hexadecimal digits in `plain` from `start` on as 32 bytes of `digests` from `first` on. */
function parseDigits(plain: Uint8Array, start: number, digests: Uint8Array, first: number): boolean {
  for (let i = 0; i < 32; i++) {
    const high = hexDigit(plain[start + i * 2] ?? 0);
    const low = hexDigit(plain[start + i * 2 + 1] ?? 0);
    if (high > 15 || low > 15) {
      return false;
    }
    digests[first + i] = ((high & 15) << 4) | (low & 15);
  }
  return true;
}

/** The number from `at` to `end`, or NO_SIZE where it is not a count of bytes, of 15 digits at most. */
function readSize(json: Bytes, at: number, end: number): number {
  const count = narrow(end > at ? end - at : 0);
  let high: number = 0;
  let low: number = 0;
  if (count > 15) {
    return NO_SIZE;
  }
  for (let i = 0; i < count; i++) {
    const digit = json.at(narrow(at) + i);
    if (!isDigit(digit)) {
      return NO_SIZE;
    }
    if (i + 8 < count) {
      high = (high % 1000000) * 10 + (digit & 15);
    } else {
      low = (low % 10000000) * 10 + (digit & 15);
    }
  }
  return (high % 10000000) * 100000000 + low;
}

/** Closes the object or array at `at`, which is the innermost one. */
function close(json: Bytes, open: Uint8Array, last: Step, want: number, at: number): Step {
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

/** Opens an object or array at `at`. `open` has room for MAX_DEPTH + 1 marks, `keys` for KEY_POSITIONS. */
function begin(json: Bytes, open: Uint8Array, keys: Uint32Array, last: Step, key: number, at: number): Step {
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
  keys[depth * (MAX_KEYS + 1)] = 0;
  return { kind: STEP_OPENED, depth: depth, key: key, start: at, at: narrow(at) + 1, want: want };
}

/** The next thing that is opened, closed or a scalar. Everything on the way is checked. */
function nextStep(json: Bytes, open: Uint8Array, keys: Uint32Array, last: Step): Step {
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
            return close(json, open, last, want, at);
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
                noteKey(json, start, depth, keys);
                key = start;
                at = keyEnd;
                want = WANT_COLON;
              } else {
                if (code === OPEN_BRACE || code === OPEN_BRACKET) {
                  return begin(json, open, keys, last, key, at);
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

/** The type that a media type says. */
function blobType(json: Bytes, at: number): number {
  if (saysRootfsType(json, at)) {
    return TYPE_ROOTFS;
  }
  if (says(json, at, text("application/vnd.puzzlefs.image.filedata.v1"))) {
    return TYPE_CHUNK;
  }
  if (says(json, at, text("application/vnd.puzzlefs.image.filedata.v1+zstd"))) {
    return TYPE_COMPRESSED_CHUNK;
  }
  return TYPE_OTHER;
}

/** Where to start: what nextDescriptor takes first. */
export function manifestStart(json: Bytes): Descriptor {
  if (json.length > MAX_MANIFEST_BYTES) {
    throw failure(Rule["manifest-too-large"], 0, 0);
  }
  return {
    kind: DESCRIPTOR_NONE,
    type: TYPE_OTHER,
    hasDigest: false,
    hasVerity: false,
    size: NO_SIZE,
    inLayers: false,
    step: { kind: STEP_NONE, depth: 0, key: 0, start: 0, at: 0, want: WANT_VALUE },
  };
}

/**
 * The descriptor after `last`, of the config or a layer, in the order of the text: its digest and its annotated fs-verity
 * digest are read into `digests`, 32 bytes each. `open` has room for MAX_DEPTH + 1 marks, `keys` for KEY_POSITIONS,
 * `plain` for 80 bytes. The text has been checked where there are no more.
 */
export function nextDescriptor(
  json: Bytes,
  open: Uint8Array,
  keys: Uint32Array,
  plain: Uint8Array,
  digests: Uint8Array,
  last: Descriptor,
): Descriptor {
  let step: Step = last.step;
  let inLayers: boolean = last.inLayers;
  let kind: number = DESCRIPTOR_NONE;
  let top: number = 0;
  let inAnnotations: boolean = false;
  let type: number = TYPE_OTHER;
  let hasDigest: boolean = false;
  let hasVerity: boolean = false;
  let size: number = NO_SIZE;
  for (let measure = 0, bound = Infinity; step.at <= json.length; bound = measure) {
    measure = json.length + 1 > step.at ? json.length + 1 - step.at : 0;
    if (measure >= bound) break;
    const next = nextStep(json, open, keys, step);
    step = next;
    const depth = next.depth;
    if (next.kind === STEP_NONE) {
      break;
    }
    if (next.kind === STEP_OPENED && top === 0) {
      if (depth === 2 && says(json, next.key, text("layers"))) {
        if ((open[2] ?? 0) !== ARRAY) {
          throw failure(Rule["manifest-syntax"], 0, next.start);
        }
        inLayers = true;
      }
      const config = depth === 2 && says(json, next.key, text("config"));
      if ((open[depth] ?? 0) === OBJECT && (config || (depth === 3 && inLayers))) {
        top = depth;
        kind = config ? DESCRIPTOR_CONFIG : DESCRIPTOR_LAYER;
      }
    } else {
      if (next.kind === STEP_OPENED) {
        if (depth === top + 1 && says(json, next.key, text("annotations"))) {
          inAnnotations = true;
        }
      } else {
        if (next.kind === STEP_CLOSED) {
          if (depth === top) {
            inAnnotations = false;
          }
          if (depth === 1) {
            inLayers = false;
          }
          if (top !== 0 && depth + 1 === top) {
            if (!hasDigest && kind === DESCRIPTOR_LAYER) {
              throw failure(Rule["manifest-digest"], 0, next.start);
            }
            break;
          }
        } else {
          if (top !== 0 && depth === top) {
            const isText = json.at(next.start) === QUOTE;
            if (says(json, next.key, text("size"))) {
              size = readSize(json, next.start, next.at);
            }
            if (isText && says(json, next.key, text("mediaType"))) {
              type = blobType(json, next.start);
            }
            if (isText && says(json, next.key, text("digest"))) {
              const valid = readDigest(json, next.start, plain, digests);
              if (!valid && kind === DESCRIPTOR_LAYER) {
                throw failure(Rule["manifest-digest"], 0, next.start);
              }
              hasDigest = valid;
            }
          } else {
            if (inAnnotations && depth === top + 1 && json.at(next.start) === QUOTE && saysRootHash(json, next.key)) {
              const count = copyString(json, next.start, plain);
              const valid = parseDigits(plain, 0, digests, 32);
              hasVerity = valid && count === HEX_DIGITS;
              if (!hasVerity && kind === DESCRIPTOR_LAYER) {
                throw failure(Rule["manifest-digest"], 0, next.start);
              }
            }
          }
        }
      }
    }
  }
  return {
    kind: kind,
    type: type,
    hasDigest: hasDigest,
    hasVerity: hasVerity,
    size: size,
    inLayers: inLayers,
    step: step,
  };
}

/**
 * Finds the one layer that is the metadata blob, and reads its digests into `digest` and `verity`, 32 bytes each.
 * `open` has room for MAX_DEPTH + 1 marks, `keys` for KEY_POSITIONS, `plain` for 80 bytes, `layer` for 64.
 */
export function findRootfs(
  json: Bytes,
  open: Uint8Array,
  keys: Uint32Array,
  plain: Uint8Array,
  layer: Uint8Array,
  digest: Uint8Array,
  verity: Uint8Array,
): RootfsDescriptor {
  const start = manifestStart(json);
  let last: Descriptor = start;
  let found: number = 0;
  let hasVerity: boolean = false;
  let size: number = NO_SIZE;
  for (let measure = 0, bound = Infinity; last.step.at <= json.length; bound = measure) {
    measure = json.length + 1 > last.step.at ? json.length + 1 - last.step.at : 0;
    if (measure >= bound) break;
    const next = nextDescriptor(json, open, keys, plain, layer, last);
    last = next;
    if (next.kind === DESCRIPTOR_NONE) {
      break;
    }
    if (next.kind !== DESCRIPTOR_LAYER || next.type !== TYPE_ROOTFS) {
      continue;
    }
    if (found !== 0) {
      throw failure(Rule["manifest-rootfs-twice"], 0, next.step.start);
    }
    found = narrow(next.step.at);
    hasVerity = next.hasVerity;
    size = next.size;
    for (let j = 0; j < 32; j++) {
      digest[j] = layer[j] ?? 0;
    }
    for (let j = 0; j < 32; j++) {
      verity[j] = layer[32 + j] ?? 0;
    }
  }
  if (found === 0) {
    throw failure(Rule["manifest-rootfs-missing"], 0, 0);
  }
  return { end: found, hasVerity: hasVerity, size: size };
}
