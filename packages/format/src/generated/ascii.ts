// Code generated from schema/ascii.ts by make codegen. DO NOT EDIT.

export const TAB = 0x9;

export const LINE_FEED = 0xa;

export const RETURN = 0xd;

export const SPACE = 0x20;

export const QUOTE = 0x22;

export const PLUS = 0x2b;

export const COMMA = 0x2c;

export const MINUS = 0x2d;

export const PERIOD = 0x2e;

export const SLASH = 0x2f;

export const ZERO = 0x30;

export const NINE = 0x39;

export const COLON = 0x3a;

export const UPPER_A = 0x41;

export const UPPER_E = 0x45;

export const UPPER_F = 0x46;

export const OPEN_BRACKET = 0x5b;

export const BACKSLASH = 0x5c;

export const CLOSE_BRACKET = 0x5d;

export const LOWER_A = 0x61;

export const LOWER_B = 0x62;

export const LOWER_E = 0x65;

export const LOWER_F = 0x66;

export const LOWER_N = 0x6e;

export const LOWER_R = 0x72;

export const LOWER_T = 0x74;

export const LOWER_U = 0x75;

export const OPEN_BRACE = 0x7b;

export const CLOSE_BRACE = 0x7d;

/** The first code that is not ASCII. */
export const ASCII_END = 0x80;

/** Whether a byte is a decimal digit. */
export function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}
