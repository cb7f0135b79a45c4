/** Names of directory entries: which are allowed, and their order. */
import type { Bytes, u32 } from "./language.ts";

export const SLASH: u32 = 47;
export const NO_SEPARATOR: u32 = 255;
const DOT: u32 = 46;
export const MAX_NAME_BYTES: u32 = 255;

/** Byte order: 0 where `a` comes first, 1 where they are equal, 2 where `b` comes first. */
export function compareNames(a: Bytes, b: Bytes): u32 {
  for (let i: u32 = 0; i < a.length; i++) {
    if (i >= b.length) return 2;
    const left: u32 = a[i];
    const right: u32 = b[i];
    if (left !== right) return left < right ? 0 : 2;
  }
  return a.length < b.length ? 0 : 1;
}

/** Whether two runs of bytes are the same. */
export function sameBytes(a: Bytes, b: Bytes): boolean {
  return a.length === b.length && compareNames(a, b) === 1;
}

/** The first byte of a name that is NUL or a slash: 0, 47, or 255 where there is none. */
export function separator(name: Bytes): u32 {
  for (let i: u32 = 0; i < name.length; i++) {
    const byte: u32 = name[i];
    if (byte === 0 || byte === SLASH) return byte;
  }
  return NO_SEPARATOR;
}

export function hasNul(bytes: Bytes): boolean {
  for (let i: u32 = 0; i < bytes.length; i++) {
    if (bytes[i] === 0) return true;
  }
  return false;
}

/** "." and ".." are every directory's own. */
export function isDots(name: Bytes): boolean {
  if (name.length === 1) return name[0] === DOT;
  return name.length === 2 && name[0] === DOT && name[1] === DOT;
}
