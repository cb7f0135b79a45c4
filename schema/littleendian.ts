/** Integers of tables, the lowest byte first. */
import { u32 } from "./language.ts";
import type { Scratch, u53, u8 } from "./language.ts";

export function putU32(bytes: Scratch<u8>, at: u53, value: u32): void {
  const first: u32 = u32(at);
  bytes[first] = value & 0xff;
  bytes[first + 1] = (value >> 8) & 0xff;
  bytes[first + 2] = (value >> 16) & 0xff;
  bytes[first + 3] = value >> 24;
}

/** Writes an integer in 8 bytes. */
export function putU53(bytes: Scratch<u8>, at: u53, value: u53): void {
  putU32(bytes, at, u32(value % 0x100000000));
  putU32(bytes, u32(at) + 4, u32(value / 0x100000000));
}
