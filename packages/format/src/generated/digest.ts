// Code generated from schema/digest.ts by make codegen. DO NOT EDIT.
import { type Bytes } from "../runtime.ts";

export const DIGEST_BYTES = 32;

export const HEX_DIGITS = 64;

const ZERO = 48;

const NINE = 57;

const LOWER_A = 97;

const LOWER_F = 102;

const NO_DIGIT = 16;

/** Value of a lower-case hexadecimal digit, 16 for anything else. */
export function hexDigit(code: number): number {
  if (code >= ZERO && code <= NINE) {
    return code & 15;
  }
  if (code >= LOWER_A && code <= LOWER_F) {
    return (code & 15) + 9;
  }
  return NO_DIGIT;
}

/** Reads 64 digits into 32 bytes; false where they are not that. */
export function parseHex(digits: Bytes, digest: Uint8Array): boolean {
  if (digits.length !== HEX_DIGITS) {
    return false;
  }
  for (let i = 0; i < DIGEST_BYTES; i++) {
    const high = hexDigit(digits.at(i * 2));
    const low = hexDigit(digits.at(i * 2 + 1));
    if (high >= NO_DIGIT || low >= NO_DIGIT) {
      return false;
    }
    digest[i] = ((high & 15) << 4) | (low & 15);
  }
  return true;
}

/** Writes 32 bytes as 64 digits. */
export function formatHex(digest: Bytes, digits: Uint8Array): void {
  for (let i = 0; i < DIGEST_BYTES; i++) {
    digits[i * 2] = digitOf(digest.at(i) >>> 4);
    digits[i * 2 + 1] = digitOf(digest.at(i) & 15);
  }
}

function digitOf(value: number): number {
  const digit = value & 15;
  return digit < 10 ? ZERO + digit : LOWER_A - 10 + digit;
}
