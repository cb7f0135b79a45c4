/** Digests as text: `sha256:` and 64 lower-case hexadecimal digits. */
import { LOWER_A, LOWER_F, NINE, ZERO } from "./ascii.ts";
import type { Bytes, Scratch, u8, u32 } from "./language.ts";

export const DIGEST_BYTES: u32 = 32;
/** Hexadecimal digits of a digest. */
export const HEX_DIGITS: u32 = DIGEST_BYTES * 2;
/** Bytes of `sha256:`. */
export const DIGEST_PREFIX_BYTES: u32 = 7;
/** Bytes of a digest in a descriptor. */
export const DIGEST_TEXT_BYTES: u32 = DIGEST_PREFIX_BYTES + HEX_DIGITS;

/** Bytes of a block of the Merkle tree of an fs-verity digest, which is SHA-256 without a salt. */
export const VERITY_BLOCK_BYTES: u32 = 0x1000;

/** The value of a byte that is no hexadecimal digit. */
export const NO_DIGIT: u32 = 16;

/** Value of a lower-case hexadecimal digit, NO_DIGIT for anything else. */
export function hexDigit(code: u32): u32 {
  if (code >= ZERO && code <= NINE) return code & 15;
  if (code >= LOWER_A && code <= LOWER_F) return (code & 15) + 9;
  return NO_DIGIT;
}

/** Reads 64 digits into 32 bytes; false if the text is anything else. */
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
