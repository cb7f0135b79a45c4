// Code generated from schema/names.ts by make codegen. DO NOT EDIT.
import { type Bytes } from "../runtime.ts";
import { PERIOD, SLASH } from "./ascii.ts";

/** The result of separator() for a name that has none. */
export const NO_SEPARATOR = 0xff;

/** Largest length of a name in a directory, and of the name of an extended attribute. */
export const MAX_NAME_BYTES = 255;

/** Byte order: 0 if `a` comes first, 1 if they are equal, 2 if `b` comes first. */
export function compareNames(a: Bytes, b: Bytes): number {
  for (let i = 0; i < a.length; i++) {
    if (i >= b.length) {
      return 2;
    }
    const left = a.at(i);
    const right = b.at(i);
    if (left !== right) {
      return left < right ? 0 : 2;
    }
  }
  return a.length < b.length ? 0 : 1;
}

/** Whether two sequences of bytes are equal. */
export function sameBytes(a: Bytes, b: Bytes): boolean {
  return a.length === b.length && compareNames(a, b) === 1;
}

/** The first byte of a name that is NUL or a slash, or NO_SEPARATOR. */
export function separator(name: Bytes): number {
  for (let i = 0; i < name.length; i++) {
    const byte = name.at(i);
    if (byte === 0 || byte === SLASH) {
      return byte;
    }
  }
  return NO_SEPARATOR;
}

/** Whether any byte is NUL. */
export function hasNul(bytes: Bytes): boolean {
  for (let i = 0; i < bytes.length; i++) {
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
