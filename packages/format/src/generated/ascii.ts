// Made from schema/ascii.ts by `make codegen`: change that, not this.

export const TAB = 9;

export const LINE_FEED = 10;

export const RETURN = 13;

export const SPACE = 32;

export const QUOTE = 34;

export const PLUS = 43;

export const COMMA = 44;

export const MINUS = 45;

export const PERIOD = 46;

export const SLASH = 47;

export const ZERO = 48;

export const NINE = 57;

export const COLON = 58;

export const UPPER_A = 65;

export const UPPER_E = 69;

export const UPPER_F = 70;

export const OPEN_BRACKET = 91;

export const BACKSLASH = 92;

export const CLOSE_BRACKET = 93;

export const LOWER_A = 97;

export const LOWER_B = 98;

export const LOWER_E = 101;

export const LOWER_F = 102;

export const LOWER_N = 110;

export const LOWER_R = 114;

export const LOWER_T = 116;

export const LOWER_U = 117;

export const OPEN_BRACE = 123;

export const CLOSE_BRACE = 125;

/** The first code that is not ASCII. */
export const ASCII_END = 128;

/** Whether a byte is a decimal digit. */
export function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}
