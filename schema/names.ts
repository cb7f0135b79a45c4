/** Names of directory entries: which ones are allowed, and their order. */
import { PERIOD, SLASH } from "./ascii.ts";
import { atMost, compareBytes } from "./language.ts";
import type { Bytes, u32 } from "./language.ts";

/** The result of separator() for a name that has none. */
export const NO_SEPARATOR: u32 = 0xff;
/** Largest length of a name in a directory, and of the name of an extended attribute. */
export const MAX_NAME_BYTES: u32 = 255;

/** Largest length of a text that hasNul() looks through: the target of a symbolic link. */
export const MAX_TARGET_BYTES: u32 = 4095;

/** Byte order of at most MAX_NAME_BYTES, then of lengths: 0 if `a` comes first, 1 if they are equal, 2 if `b` comes first. */
export function compareNames(a: Bytes, b: Bytes): u32 {
  return compareBytes(a, b, MAX_NAME_BYTES);
}

/** Whether two sequences of at most MAX_NAME_BYTES are equal. */
export function sameBytes(a: Bytes, b: Bytes): boolean {
  return a.length === b.length && compareNames(a, b) === 1;
}

/** The first byte of a name, of at most MAX_NAME_BYTES, that is NUL or a slash, or NO_SEPARATOR. */
export function separator(name: Bytes): u32 {
  const length: u32 = atMost(name.length, MAX_NAME_BYTES);
  for (let i: u32 = 0; i < length; i++) {
    const byte: u32 = name[i];
    if (byte === 0 || byte === SLASH) return byte;
  }
  return NO_SEPARATOR;
}

/** Whether any of at most MAX_TARGET_BYTES is NUL. */
export function hasNul(bytes: Bytes): boolean {
  const length: u32 = atMost(bytes.length, MAX_TARGET_BYTES);
  for (let i: u32 = 0; i < length; i++) {
    if (bytes[i] === 0) return true;
  }
  return false;
}

/** Whether a name is "." or "..", which every directory has for itself and its parent. */
export function isDots(name: Bytes): boolean {
  if (name.length === 1) return name[0] === PERIOD;
  return name.length === 2 && name[0] === PERIOD && name[1] === PERIOD;
}
