/** Codes of the characters that names, digests and JSON are read by. */
import type { u32 } from "./language.ts";

export const TAB: u32 = 0x09;
export const LINE_FEED: u32 = 0x0a;
export const RETURN: u32 = 0x0d;
export const SPACE: u32 = 0x20;
export const QUOTE: u32 = 0x22;
export const PLUS: u32 = 0x2b;
export const COMMA: u32 = 0x2c;
export const MINUS: u32 = 0x2d;
export const PERIOD: u32 = 0x2e;
export const SLASH: u32 = 0x2f;
export const ZERO: u32 = 0x30;
export const NINE: u32 = 0x39;
export const COLON: u32 = 0x3a;
export const UPPER_A: u32 = 0x41;
export const UPPER_E: u32 = 0x45;
export const UPPER_F: u32 = 0x46;
export const OPEN_BRACKET: u32 = 0x5b;
export const BACKSLASH: u32 = 0x5c;
export const CLOSE_BRACKET: u32 = 0x5d;
export const LOWER_A: u32 = 0x61;
export const LOWER_B: u32 = 0x62;
export const LOWER_E: u32 = 0x65;
export const LOWER_F: u32 = 0x66;
export const LOWER_N: u32 = 0x6e;
export const LOWER_R: u32 = 0x72;
export const LOWER_T: u32 = 0x74;
export const LOWER_U: u32 = 0x75;
export const OPEN_BRACE: u32 = 0x7b;
export const CLOSE_BRACE: u32 = 0x7d;
/** The first code that is not ASCII. */
export const ASCII_END: u32 = 0x80;

/** Whether a byte is a decimal digit. */
export function isDigit(code: u32): boolean {
  return code >= ZERO && code <= NINE;
}
