/** Numbers in the fields of tar headers. All functions return undefined for what is no number, or needs more than 53 bits. */

const SPACE = 0x20;
const ZERO = 0x30;
const EIGHT = 0x38;
/** Begins a number in binary (base 256). */
const BINARY = 0x80;
const NEGATIVE = 0x40;

/** A field of a header: octal digits with spaces and NULs around them, 0 if there are none, or binary. */
export function fieldNumber(field: Uint8Array): number | undefined {
  return (field[0] & BINARY) === 0 ? octal(field) : binary(field);
}

function octal(field: Uint8Array): number | undefined {
  let [from, to] = [0, field.length];
  while (from < to && isPadding(field[from])) from++;
  while (to > from && isPadding(field[to - 1])) to--;
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = field[at];
    if (digit < ZERO || digit >= EIGHT) return undefined;
    value = value * 8 + (digit - ZERO);
  }
  return Number.isSafeInteger(value) ? value : undefined;
}

function isPadding(byte: number): boolean {
  return byte === SPACE || byte === 0;
}

/** Two's complement, big-endian; the first bit only says that it is binary. */
function binary(field: Uint8Array): number | undefined {
  const isNegative = (field[0] & NEGATIVE) !== 0;
  let value = isNegative ? (field[0] & 0x7f) - BINARY : field[0] & 0x7f;
  for (const byte of field.subarray(1)) value = value * 256 + byte;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Decimal digits only. */
export function decimal(text: string): number | undefined {
  if (!/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** A point in time, as the format has it: nanoseconds are 0 to 999,999,999, also before 1970. */
export interface Moment {
  seconds: number;
  nanoseconds: number;
}

const BILLION = 1_000_000_000;

/** Seconds with a fraction, as extended headers have them; what is finer than a nanosecond is cut off. */
export function parseMoment(text: string): Moment | undefined {
  const [, sign, whole = "", fraction = ""] = /^(-?)(\d{1,16})(?:\.(\d*))?$/.exec(text) ?? [];
  const seconds = decimal(whole);
  if (seconds === undefined) return undefined;
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, "0"));
  if (sign !== "-") return { seconds, nanoseconds };
  return nanoseconds === 0
    ? { seconds: 0 - seconds, nanoseconds: 0 }
    : { seconds: -seconds - 1, nanoseconds: BILLION - nanoseconds };
}

/** The text that parseMoment() reads. */
export function formatMoment({ seconds, nanoseconds }: Moment): string {
  const isNegative = seconds < 0;
  const borrows = isNegative && nanoseconds > 0;
  const whole = isNegative ? -seconds - (borrows ? 1 : 0) : seconds;
  const fraction = borrows ? BILLION - nanoseconds : nanoseconds;
  const digits = fraction === 0 ? "" : `.${String(fraction).padStart(9, "0").replace(/0+$/, "")}`;
  return `${isNegative ? "-" : ""}${whole}${digits}`;
}
