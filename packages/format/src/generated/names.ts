// Code generated from schema/names.ts by make codegen. DO NOT EDIT.
import { compareBytes, type Bytes } from "../runtime.ts";
import { PERIOD, SLASH } from "./ascii.ts";

/** The result of separator() for a name that has none. */
export const NO_SEPARATOR = 0xff;

/** Largest length of a name in a directory, and of the name of an extended attribute. */
export const MAX_NAME_BYTES = 255;

/** Largest length of a text that hasNul() looks through: the target of a symbolic link. */
export const MAX_TARGET_BYTES = 4095;

/** Byte order of at most MAX_NAME_BYTES, then of lengths: 0 if `a` comes first, 1 if they are equal, 2 if `b` comes first. */
export function compareNames(a: Bytes, b: Bytes): number {
  return compareBytes(a, b, MAX_NAME_BYTES);
}

/** Whether two sequences of at most MAX_NAME_BYTES are equal. */
export function sameBytes(a: Bytes, b: Bytes): boolean {
  return a.length === b.length && compareNames(a, b) === 1;
}

/** The first byte of a name, of at most MAX_NAME_BYTES, that is NUL or a slash, or NO_SEPARATOR. */
export function separator(name: Bytes): number {
  const length = Math.min(name.length, MAX_NAME_BYTES);
  for (let i = 0; i < length; i++) {
    const byte = name.at(i);
    if (byte === 0 || byte === SLASH) {
      return byte;
    }
  }
  return NO_SEPARATOR;
}

/** Whether any of at most MAX_TARGET_BYTES is NUL. */
export function hasNul(bytes: Bytes): boolean {
  const length = Math.min(bytes.length, MAX_TARGET_BYTES);
  for (let i = 0; i < length; i++) {
    if (bytes.at(i) === 0) {
      return true;
    }
  }
  return false;
}

/** Whether a name is "." or "..", which every directory has for itself and its parent. */
export function isDots(name: Bytes): boolean {
  if (name.length === 1) {
    return name.at(0) === PERIOD;
  }
  return name.length === 2 && name.at(0) === PERIOD && name.at(1) === PERIOD;
}
