// Code generated from schema/names.ts by make codegen. DO NOT EDIT.
import { type Bytes } from "../runtime.ts";

export const SLASH = 47;

export const NO_SEPARATOR = 255;

const DOT = 46;

export const MAX_NAME_BYTES = 255;

/** Byte order: 0 where `a` comes first, 1 where they are equal, 2 where `b` comes first. */
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

/** Whether two runs of bytes are the same. */
export function sameBytes(a: Bytes, b: Bytes): boolean {
  return a.length === b.length && compareNames(a, b) === 1;
}

/** The first byte of a name that is NUL or a slash: 0, 47, or 255 where there is none. */
export function separator(name: Bytes): number {
  for (let i = 0; i < name.length; i++) {
    const byte = name.at(i);
    if (byte === 0 || byte === SLASH) {
      return byte;
    }
  }
  return NO_SEPARATOR;
}

export function hasNul(bytes: Bytes): boolean {
  for (let i = 0; i < bytes.length; i++) {
    if (bytes.at(i) === 0) {
      return true;
    }
  }
  return false;
}

/** "." and ".." are every directory's own. */
export function isDots(name: Bytes): boolean {
  if (name.length === 1) {
    return name.at(0) === DOT;
  }
  return name.length === 2 && name.at(0) === DOT && name.at(1) === DOT;
}
