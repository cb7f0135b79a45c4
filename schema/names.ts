/** Names of directory entries: which are allowed, and their order. */
import type { Bytes, u32 } from "./language.ts";

const SLASH: u32 = 47;
const DOT: u32 = 46;
export const MAX_NAME_BYTES: u32 = 255;

/** Byte order: 0 where `a` comes first, 1 where they are equal, 2 where `b` comes first. */
export function compareNames(a: Bytes, b: Bytes): u32 {
  for (let i: u32 = 0; i < a.length; i++) {
    if (i >= b.length) return 2;
    if (a[i] < b[i]) return 0;
    if (a[i] > b[i]) return 2;
  }
  return a.length < b.length ? 0 : 1;
}

/** Whether two runs of bytes are the same. */
export function sameBytes(a: Bytes, b: Bytes): boolean {
  return a.length === b.length && compareNames(a, b) === 1;
}

/** Whether a byte of `bytes` is `wanted`. */
function contains(bytes: Bytes, wanted: u32): boolean {
  for (let i: u32 = 0; i < bytes.length; i++) {
    if (bytes[i] === wanted) return true;
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
  if (name.length === 1) return name[0] === DOT;
  return name.length === 2 && name[0] === DOT && name[1] === DOT;
}
