// Code generated from schema/digest.ts by make codegen. DO NOT EDIT.
import { type Bytes } from "../runtime.ts";
import { LOWER_A, LOWER_F, NINE, ZERO } from "./ascii.ts";

export const DIGEST_BYTES = 32;

/** Hexadecimal digits of a digest. */
export const HEX_DIGITS = DIGEST_BYTES * 2;

/** Bytes of `sha256:`. */
export const DIGEST_PREFIX_BYTES = 7;

/** Bytes of a digest in a descriptor. */
export const DIGEST_TEXT_BYTES = DIGEST_PREFIX_BYTES + HEX_DIGITS;

/** Bytes of a block of the Merkle tree of an fs-verity digest, which is SHA-256 without a salt. */
export const VERITY_BLOCK_BYTES = 0x1000;

/** The value of a byte that is no hexadecimal digit. */
export const NO_DIGIT = 16;

/** Value of a lower-case hexadecimal digit, NO_DIGIT for anything else. */
export function hexDigit(code: number): number {
  if (code >= ZERO && code <= NINE) {
    return code & 15;
  }
  if (code >= LOWER_A && code <= LOWER_F) {
    return (code & 15) + 9;
  }
  return NO_DIGIT;
}

/** Reads 64 digits into 32 bytes; false if the text is anything else. */
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
