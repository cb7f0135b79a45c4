/**
 * The image manifest: finds the metadata blob's descriptor in its JSON (RFC 8259).
 *
 * The whole text is checked: grammar, UTF-8, escapes, no key twice in an object, limits of depth and size.
 */
import { decreases, difference, fail, text, u32 } from "./language.ts";
import type { Bytes, Scratch, Value, u53, u8 } from "./language.ts";
import { HEX_DIGITS, hexDigit } from "./digest.ts";
import { SLASH } from "./names.ts";

export const MAX_MANIFEST_BYTES: u32 = 67108864;
/** Objects and arrays inside each other. */
export const MAX_DEPTH: u32 = 32;
/** Keys of one object: they are compared each with each. */
export const MAX_KEYS: u32 = 64;
/** A size that is none. */
export const NO_SIZE: u53 = 9007199254740992;
/** Room for the positions of the keys of every object that is open. */
export const KEY_POSITIONS: u32 = 2145;

const SPACE: u32 = 32;
const QUOTE: u32 = 34;
const COMMA: u32 = 44;
const MINUS: u32 = 45;
const PERIOD: u32 = 46;
const ZERO: u32 = 48;
const NINE: u32 = 57;
const COLON: u32 = 58;
const UPPER_E: u32 = 69;
const OPEN_BRACKET: u32 = 91;
const BACKSLASH: u32 = 92;
const CLOSE_BRACKET: u32 = 93;
const LOWER_B: u32 = 98;
const LOWER_E: u32 = 101;
const LOWER_F: u32 = 102;
const LOWER_N: u32 = 110;
const LOWER_R: u32 = 114;
const LOWER_T: u32 = 116;
const LOWER_U: u32 = 117;
const OPEN_BRACE: u32 = 123;
const CLOSE_BRACE: u32 = 125;
const TAB: u32 = 9;
const LINE_FEED: u32 = 10;
const RETURN: u32 = 13;

/* What may come next. */
const WANT_VALUE: u32 = 0;
const WANT_VALUE_OR_END: u32 = 1;
const WANT_KEY: u32 = 2;
const WANT_KEY_OR_END: u32 = 3;
const WANT_COLON: u32 = 4;
const WANT_COMMA_OR_END: u32 = 5;
const WANT_NOTHING: u32 = 6;

/* What is open at a depth. */
const OBJECT: u8 = 1;
const ARRAY: u8 = 2;

/** The metadata blob, as the manifest describes it; its digests are in the caller's memory. */
export interface RootfsDescriptor extends Value {
  /** Where its descriptor ends in the manifest, bytes. */
  end: u32;
  /** Whether an fs-verity digest is annotated. */
  hasVerity: boolean;
  /** Bytes of the blob, or NO_SIZE. */
  size: u53;
}

/** A character of a string: its code point, and where the next one starts. A bad one has `code` BAD_CHARACTER. */
interface Character extends Value {
  code: u32;
  next: u53;
}

const BAD_CHARACTER: u32 = 4294967295;

function bad(at: u53): Character {
  return { code: BAD_CHARACTER, next: at };
}

/** Value of a hexadecimal digit of either case, 16 for anything else. */
function anyHexDigit(code: u32): u32 {
  if (code >= 65 && code <= 70) return hexDigit(code | 32);
  return hexDigit(code);
}

/** Four hexadecimal digits at `at`, or BAD_CHARACTER. */
function unicodeUnit(json: Bytes, at: u53): u32 {
  let unit: u32 = 0;
  for (let i: u32 = 0; i < 4; i++) {
    const digit: u32 = anyHexDigit(json[u32(at) + i]);
    if (digit > 15) return BAD_CHARACTER;
    unit = ((unit & 4095) << 4) | digit;
  }
  return unit;
}

/** The escape whose backslash is at `at`. */
function escaped(json: Bytes, start: u53): Character {
  const at: u32 = u32(start);
  const letter: u32 = json[at + 1];
  if (letter === QUOTE || letter === BACKSLASH || letter === SLASH) return { code: letter, next: at + 2 };
  if (letter === LOWER_B) return { code: 8, next: at + 2 };
  if (letter === LOWER_F) return { code: 12, next: at + 2 };
  if (letter === LOWER_N) return { code: LINE_FEED, next: at + 2 };
  if (letter === LOWER_R) return { code: RETURN, next: at + 2 };
  if (letter === LOWER_T) return { code: TAB, next: at + 2 };
  if (letter !== LOWER_U) return bad(at);
  const high: u32 = unicodeUnit(json, at + 2);
  if (high === BAD_CHARACTER) return bad(at);
  if (high < 55296 || high > 57343) return { code: high, next: at + 6 };
  // A pair of surrogates is one character; half a pair is none.
  if (high > 56319 || json[at + 6] !== BACKSLASH || json[at + 7] !== LOWER_U) return bad(at);
  const low: u32 = unicodeUnit(json, at + 8);
  if (low < 56320 || low > 57343) return bad(at);
  return { code: 65536 + ((high & 1023) << 10) + (low & 1023), next: at + 12 };
}

/** A character of several bytes at `at`: well-formed UTF-8 only. */
function multibyte(json: Bytes, start: u53): Character {
  const at: u32 = u32(start);
  const lead: u32 = json[at];
  const size: u32 = lead < 224 ? 2 : lead < 240 ? 3 : 4;
  if (lead < 194 || lead > 244) return bad(at);
  let code: u32 = size === 2 ? lead & 31 : size === 3 ? lead & 15 : lead & 7;
  for (let i: u32 = 1; i < size; i++) {
    const byte: u32 = json[at + i];
    if (byte >> 6 !== 2) return bad(at);
    code = ((code & 65535) << 6) | (byte & 63);
  }
  if (size === 3 && (code < 2048 || (code >= 55296 && code <= 57343))) return bad(at);
  if (size === 4 && (code < 65536 || code > 1114111)) return bad(at);
  return { code: code, next: at + size };
}

/** The character of a string at `at`. */
function character(json: Bytes, at: u53): Character {
  const code: u32 = json[at];
  if (code < SPACE) return bad(at);
  if (code === BACKSLASH) return escaped(json, at);
  if (code < 128) return { code: code, next: u32(at) + 1 };
  return multibyte(json, at);
}

/** Whether a byte of a string is a character as it stands. */
function isPlain(code: u32): boolean {
  return code >= SPACE && code < 128 && code !== QUOTE && code !== BACKSLASH;
}

/** Where the string whose opening quote is at `at` ends: its closing quote. */
function stringEnd(json: Bytes, at: u53): u53 {
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

/** Whether two strings, given by their opening quotes, are the same text. Both are well-formed. */
function sameString(json: Bytes, a: u53, b: u53): boolean {
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

/** Whether the string whose opening quote is at `at` says `wanted`, which is all of plain characters. */
function says(json: Bytes, at: u53, wanted: Bytes): boolean {
  let position: u53 = u32(at) + 1;
  for (let i: u32 = 0; i < wanted.length; i++) {
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

function saysRootfsType(json: Bytes, at: u53): boolean {
  return says(json, at, text("application/vnd.puzzlefs.image.rootfs.v1"));
}

function saysRootHash(json: Bytes, at: u53): boolean {
  return says(json, at, text("io.puzzlefsoci.puzzlefs.puzzlefs_verity_root_hash"));
}

/** Copies the characters of a string into `plain`, as many as it has room for; gives how many there are in all. */
function copyString(json: Bytes, at: u53, plain: Scratch<u8>): u53 {
  let position: u53 = u32(at) + 1;
  let count: u53 = 0;
  while (position < json.length && json[position] !== QUOTE) {
    decreases(json.length - position);
    const code: u32 = json[position];
    if (isPlain(code)) {
      plain[count] = code & 127;
      position = u32(position) + 1;
    } else {
      const next = character(json, position);
      plain[count] = next.code < 128 ? next.code & 127 : 0;
      position = next.next;
    }
    count = u32(count) + 1;
  }
  return count;
}

/** Where the number at `at` ends. */
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
    if (json[position] === 43 || json[position] === MINUS) position = u32(position) + 1;
    if (!isDigit(json[position])) fail("manifest-syntax", 0, position);
    position = digitsEnd(json, position);
  }
  return position;
}

function isDigit(code: u32): boolean {
  return code >= ZERO && code <= NINE;
}

function digitsEnd(json: Bytes, at: u53): u53 {
  let position: u53 = at;
  while (position < json.length && isDigit(json[position])) {
    decreases(json.length - position);
    position = u32(position) + 1;
  }
  return position;
}

/** Where the literal `word` at `at` ends. */
function wordEnd(json: Bytes, at: u53, word: Bytes): u53 {
  for (let i: u32 = 0; i < word.length; i++) {
    if (json[u32(at) + i] !== word[i]) fail("manifest-syntax", 0, u32(at) + i);
  }
  return u32(at) + word.length;
}

/** Where the string, number or literal at `at` ends: just after it. */
function scalarEnd(json: Bytes, at: u53): u53 {
  const code: u32 = json[at];
  if (code === QUOTE) {
    const end = stringEnd(json, at);
    return u32(end) + 1;
  }
  if (code === LOWER_T) return wordEnd(json, at, text("true"));
  if (code === LOWER_F) return wordEnd(json, at, text("false"));
  if (code === LOWER_N) return wordEnd(json, at, text("null"));
  return numberEnd(json, at);
}

/** Notes a key of the object at `depth` and refuses one that it has already. keys[depth * (MAX_KEYS + 1)] counts them. */
function noteKey(json: Bytes, at: u53, depth: u32, keys: Scratch<u32>): void {
  const first: u53 = depth * (MAX_KEYS + 1);
  const count: u32 = keys[first];
  if (count >= MAX_KEYS) fail("manifest-object-too-large", 0, at);
  for (let i: u32 = 0; i < count; i++) {
    if (sameString(json, keys[first + 1 + i], at)) fail("manifest-key-twice", 0, at);
  }
  keys[first + 1 + count] = u32(at);
  keys[first] = u32(count + 1);
}

/** Reads the digest string at `at`, "sha256:" and 64 digits, into the first 32 of `digests`; false where it is not that. */
function readDigest(json: Bytes, at: u53, plain: Scratch<u8>, digests: Scratch<u8>): boolean {
  const length = copyString(json, at, plain);
  if (length !== 7 + HEX_DIGITS) return false;
  const prefix = text("sha256:");
  for (let i: u32 = 0; i < prefix.length; i++) {
    if (plain[i] !== prefix[i]) return false;
  }
  const valid = parseDigits(plain, 7, digests, 0);
  return valid;
}

/** 64 hexadecimal digits in `plain` from `start` on as 32 bytes of `digests` from `first` on. */
function parseDigits(plain: Scratch<u8>, start: u32, digests: Scratch<u8>, first: u32): boolean {
  for (let i: u32 = 0; i < 32; i++) {
    const high: u32 = hexDigit(plain[start + i * 2]);
    const low: u32 = hexDigit(plain[start + i * 2 + 1]);
    if (high > 15 || low > 15) return false;
    digests[first + i] = ((high & 15) << 4) | (low & 15);
  }
  return true;
}

/** The number from `at` to `end`, or NO_SIZE where it is not a count of bytes, of 15 digits at most. */
function readSize(json: Bytes, at: u53, end: u53): u53 {
  const count: u32 = u32(difference(end, at));
  let high: u32 = 0;
  let low: u32 = 0;
  if (count > 15) return NO_SIZE;
  for (let i: u32 = 0; i < count; i++) {
    const digit: u32 = json[u32(at) + i];
    if (!isDigit(digit)) return NO_SIZE;
    if (i + 8 < count) high = (high % 1000000) * 10 + (digit & 15);
    else low = (low % 10000000) * 10 + (digit & 15);
  }
  return (high % 10000000) * 100000000 + low;
}

/** A step over the text: what comes next, and how to go on behind it. */
export interface Step extends Value {
  /** One of STEP_…. */
  kind: u32;
  /** Objects and arrays that are open behind it. */
  depth: u32;
  /** Opening quote of the last key. */
  key: u53;
  /** Where it starts, and where the text goes on. */
  start: u53;
  at: u53;
  want: u32;
}

/** The whole text has been read. */
export const STEP_NONE: u32 = 0;
export const STEP_OPENED: u32 = 1;
export const STEP_CLOSED: u32 = 2;
export const STEP_SCALAR: u32 = 3;

/** Closes the object or array at `at`, which is the innermost one. */
function close(json: Bytes, open: Scratch<u8>, last: Step, want: u32, at: u53): Step {
  const object: boolean = json[at] === CLOSE_BRACE;
  const closable: boolean = want === WANT_COMMA_OR_END || want === (object ? WANT_KEY_OR_END : WANT_VALUE_OR_END);
  const kind: u8 = object ? OBJECT : ARRAY;
  if (!closable || last.depth === 0 || open[last.depth] !== kind) fail("manifest-syntax", 0, at);
  const depth: u32 = u32(difference(last.depth, 1));
  const next: u32 = depth === 0 ? WANT_NOTHING : WANT_COMMA_OR_END;
  return { kind: STEP_CLOSED, depth: depth, key: last.key, start: at, at: u32(at) + 1, want: next };
}

/** Opens an object or array at `at`. `open` has room for MAX_DEPTH + 1 marks, `keys` for KEY_POSITIONS. */
function begin(json: Bytes, open: Scratch<u8>, keys: Scratch<u32>, last: Step, key: u53, at: u53): Step {
  const object: boolean = json[at] === OPEN_BRACE;
  if (last.depth >= MAX_DEPTH) fail("manifest-too-deep", 0, at);
  if (last.depth === 0 && !object) fail("manifest-syntax", 0, at);
  const depth: u32 = u32(last.depth + 1);
  const want: u32 = object ? WANT_KEY_OR_END : WANT_VALUE_OR_END;
  open[depth] = object ? OBJECT : ARRAY;
  keys[depth * (MAX_KEYS + 1)] = 0;
  return { kind: STEP_OPENED, depth: depth, key: key, start: at, at: u32(at) + 1, want: want };
}

/** The next thing that is opened, closed or a scalar. Everything on the way is checked. */
function nextStep(json: Bytes, open: Scratch<u8>, keys: Scratch<u32>, last: Step): Step {
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
      return close(json, open, last, want, at);
    } else if (want === WANT_COMMA_OR_END) {
      if (code !== COMMA) fail("manifest-syntax", 0, at);
      want = open[depth] === OBJECT ? WANT_KEY : WANT_VALUE;
      at = u32(at) + 1;
    } else if (want === WANT_KEY || want === WANT_KEY_OR_END) {
      if (code !== QUOTE) fail("manifest-syntax", 0, at);
      const keyEnd = scalarEnd(json, start);
      noteKey(json, start, depth, keys);
      key = start;
      at = keyEnd;
      want = WANT_COLON;
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      return begin(json, open, keys, last, key, at);
    } else {
      if (depth === 0) fail("manifest-syntax", 0, at);
      const end = scalarEnd(json, start);
      return { kind: STEP_SCALAR, depth: depth, key: key, start: start, at: end, want: WANT_COMMA_OR_END };
    }
  }
  if (want !== WANT_NOTHING) fail("manifest-syntax", 0, at);
  return { kind: STEP_NONE, depth: 0, key: key, start: at, at: at, want: want };
}

/** A descriptor of a manifest, and how to go on behind it; its digests are in the caller's memory. */
export interface Descriptor extends Value {
  /** One of DESCRIPTOR_…. */
  kind: u32;
  /** One of TYPE_…. */
  type: u32;
  /** Whether its digest is of the form that this format knows; that of a layer always is. */
  hasDigest: boolean;
  /** Whether an fs-verity digest is annotated. */
  hasVerity: boolean;
  /** Bytes of the blob, or NO_SIZE. */
  size: u53;
  inLayers: boolean;
  step: Step;
}

/** There are no more. */
export const DESCRIPTOR_NONE: u32 = 0;
export const DESCRIPTOR_CONFIG: u32 = 1;
export const DESCRIPTOR_LAYER: u32 = 2;

export const TYPE_OTHER: u32 = 0;
export const TYPE_ROOTFS: u32 = 1;
export const TYPE_CHUNK: u32 = 2;
export const TYPE_COMPRESSED_CHUNK: u32 = 3;

/** The type that a media type says. */
function blobType(json: Bytes, at: u53): u32 {
  if (saysRootfsType(json, at)) return TYPE_ROOTFS;
  if (says(json, at, text("application/vnd.puzzlefs.image.filedata.v1"))) return TYPE_CHUNK;
  if (says(json, at, text("application/vnd.puzzlefs.image.filedata.v1+zstd"))) return TYPE_COMPRESSED_CHUNK;
  return TYPE_OTHER;
}

/** Where to start: what nextDescriptor takes first. */
export function manifestStart(json: Bytes): Descriptor {
  if (json.length > MAX_MANIFEST_BYTES) fail("manifest-too-large", 0, 0);
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
  open: Scratch<u8>,
  keys: Scratch<u32>,
  plain: Scratch<u8>,
  digests: Scratch<u8>,
  last: Descriptor,
): Descriptor {
  let step: Step = last.step;
  let inLayers: boolean = last.inLayers;
  let kind: u32 = DESCRIPTOR_NONE;
  let top: u32 = 0;
  let inAnnotations: boolean = false;
  let type: u32 = TYPE_OTHER;
  let hasDigest: boolean = false;
  let hasVerity: boolean = false;
  let size: u53 = NO_SIZE;
  while (step.at <= json.length) {
    decreases(difference(json.length + 1, step.at));
    const next = nextStep(json, open, keys, step);
    step = next;
    const depth: u32 = next.depth;
    if (next.kind === STEP_NONE) break;
    if (next.kind === STEP_OPENED && top === 0) {
      if (depth === 2 && says(json, next.key, text("layers"))) {
        if (open[2] !== ARRAY) fail("manifest-syntax", 0, next.start);
        inLayers = true;
      }
      const config: boolean = depth === 2 && says(json, next.key, text("config"));
      if (open[depth] === OBJECT && (config || (depth === 3 && inLayers))) {
        top = depth;
        kind = config ? DESCRIPTOR_CONFIG : DESCRIPTOR_LAYER;
      }
    } else if (next.kind === STEP_OPENED) {
      if (depth === top + 1 && says(json, next.key, text("annotations"))) inAnnotations = true;
    } else if (next.kind === STEP_CLOSED) {
      if (depth === top) inAnnotations = false;
      if (depth === 1) inLayers = false;
      if (top !== 0 && depth + 1 === top) {
        if (!hasDigest && kind === DESCRIPTOR_LAYER) fail("manifest-digest", 0, next.start);
        break;
      }
    } else if (top !== 0 && depth === top) {
      const isText: boolean = json[next.start] === QUOTE;
      if (says(json, next.key, text("size"))) size = readSize(json, next.start, next.at);
      if (isText && says(json, next.key, text("mediaType"))) type = blobType(json, next.start);
      if (isText && says(json, next.key, text("digest"))) {
        const valid = readDigest(json, next.start, plain, digests);
        if (!valid && kind === DESCRIPTOR_LAYER) fail("manifest-digest", 0, next.start);
        hasDigest = valid;
      }
    } else if (inAnnotations && depth === top + 1 && json[next.start] === QUOTE && saysRootHash(json, next.key)) {
      const count = copyString(json, next.start, plain);
      const valid = parseDigits(plain, 0, digests, 32);
      hasVerity = valid && count === HEX_DIGITS;
      if (!hasVerity && kind === DESCRIPTOR_LAYER) fail("manifest-digest", 0, next.start);
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
  open: Scratch<u8>,
  keys: Scratch<u32>,
  plain: Scratch<u8>,
  layer: Scratch<u8>,
  digest: Scratch<u8>,
  verity: Scratch<u8>,
): RootfsDescriptor {
  const start = manifestStart(json);
  let last: Descriptor = start;
  let found: u32 = 0;
  let hasVerity: boolean = false;
  let size: u53 = NO_SIZE;
  while (last.step.at <= json.length) {
    decreases(difference(json.length + 1, last.step.at));
    const next = nextDescriptor(json, open, keys, plain, layer, last);
    last = next;
    if (next.kind === DESCRIPTOR_NONE) break;
    if (next.kind !== DESCRIPTOR_LAYER || next.type !== TYPE_ROOTFS) continue;
    if (found !== 0) fail("manifest-rootfs-twice", 0, next.step.start);
    found = u32(next.step.at);
    hasVerity = next.hasVerity;
    size = next.size;
    for (let j: u32 = 0; j < 32; j++) digest[j] = layer[j];
    for (let j: u32 = 0; j < 32; j++) verity[j] = layer[32 + j];
  }
  if (found === 0) fail("manifest-rootfs-missing", 0, 0);
  return { end: found, hasVerity: hasVerity, size: size };
}
