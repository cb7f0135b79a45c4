// Made from schema/names.ts by `make codegen`: change that, not this.
import { type Bytes } from "../runtime.ts";

const SLASH = 47;

const DOT = 46;

export const MAX_NAME_BYTES = 255;

/** Byte order: 0 where `a` comes first, 1 where they are equal, 2 where `b` comes first. */
export function compareNames(a: Bytes, b: Bytes): number {
  for (let i = 0; i < a.length; i++) {
    if (i >= b.length) {
      return 2;
    }
    if (a.at(i) < b.at(i)) {
      return 0;
    }
    if (a.at(i) > b.at(i)) {
      return 2;
    }
  }
  return a.length < b.length ? 0 : 1;
}

/** Whether two runs of bytes are the same. */
export function sameBytes(a: Bytes, b: Bytes): boolean {
  return a.length === b.length && compareNames(a, b) === 1;
}

/** Whether a byte of `bytes` is `wanted`. */
function contains(bytes: Bytes, wanted: number): boolean {
  for (let i = 0; i < bytes.length; i++) {
    if (bytes.at(i) === wanted) {
      return true;
    }
  }
  return false;
}

export function hasNul(bytes: Bytes): boolean {
  return contains(bytes, 0);
}

export function hasSlash(name: Bytes): boolean {
  return contains(name, SLASH);
}

/** "." and ".." are every directory's own. */
export function isDots(name: Bytes): boolean {
  if (name.length === 1) {
    return name.at(0) === DOT;
  }
  return name.length === 2 && name.at(0) === DOT && name.at(1) === DOT;
}
