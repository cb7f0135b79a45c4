/** Digests as text: `sha256:` and 64 lower-case hexadecimal digits. */
import type { Bytes, Scratch, u8, u32 } from "./language.ts";

export const DIGEST_BYTES: u32 = 32;
export const HEX_DIGITS: u32 = 64;

const ZERO: u32 = 48;
const NINE: u32 = 57;
const LOWER_A: u32 = 97;
const LOWER_F: u32 = 102;
const NO_DIGIT: u32 = 16;

/** Value of a lower-case hexadecimal digit, 16 for anything else. */
export function hexDigit(code: u32): u32 {
  if (code >= ZERO && code <= NINE) return code & 15;
  if (code >= LOWER_A && code <= LOWER_F) return (code & 15) + 9;
  return NO_DIGIT;
}

/** Reads 64 digits into 32 bytes; false where they are not that. */
export function parseHex(digits: Bytes, digest: Scratch<u8>): boolean {
  if (digits.length !== HEX_DIGITS) return false;
  for (let i: u32 = 0; i < DIGEST_BYTES; i++) {
    const high: u32 = hexDigit(digits[i * 2]);
    const low: u32 = hexDigit(digits[i * 2 + 1]);
    if (high >= NO_DIGIT || low >= NO_DIGIT) return false;
    digest[i] = ((high & 15) << 4) | (low & 15);
  }
  return true;
}

/** Writes 32 bytes as 64 digits. */
export function formatHex(digest: Bytes, digits: Scratch<u8>): void {
  for (let i: u32 = 0; i < DIGEST_BYTES; i++) {
    digits[i * 2] = digitOf(digest[i] >> 4);
    digits[i * 2 + 1] = digitOf(digest[i] & 15);
  }
}

function digitOf(value: u32): u8 {
  const digit: u32 = value & 15;
  return digit < 10 ? ZERO + digit : LOWER_A - 10 + digit;
}
