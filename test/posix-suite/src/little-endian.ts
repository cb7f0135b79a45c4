/** Little-endian numbers in byte strings. */

export function u8(bytes: string, at: number): number {
  return bytes.charCodeAt(at);
}

export function u16(bytes: string, at: number): number {
  return u8(bytes, at) + u8(bytes, at + 1) * 256;
}

export function u32(bytes: string, at: number): number {
  return u16(bytes, at) + u16(bytes, at + 2) * 65536;
}

/** Exact up to 2^53 in Node. */
export function u64(bytes: string, at: number): number {
  return u32(bytes, at) + u32(bytes, at + 4) * 4294967296;
}

export function s64(bytes: string, at: number): number {
  const high = u32(bytes, at + 4);
  return u32(bytes, at) + (high >= 2147483648 ? high - 4294967296 : high) * 4294967296;
}

/** `length` bytes of a number below 2^53. */
export function littleEndian(value: number, length: number): string {
  let text = "";
  let rest = value;
  for (let index = 0; index < length; index++) {
    text += String.fromCharCode(rest % 256);
    rest = Math.floor(rest / 256);
  }
  return text;
}
