// Code generated from schema/littleendian.ts by make codegen. DO NOT EDIT.
import { narrow } from "../runtime.ts";

export function putU32(bytes: Uint8Array, at: number, value: number): void {
  const first = narrow(at);
  bytes[first] = value & 0xff;
  bytes[first + 1] = (value >>> 8) & 0xff;
  bytes[first + 2] = (value >>> 16) & 0xff;
  bytes[first + 3] = value >>> 24;
}

/** Writes an integer in 8 bytes. */
export function putU53(bytes: Uint8Array, at: number, value: number): void {
  putU32(bytes, at, value % 0x100000000);
  putU32(bytes, narrow(at) + 4, Math.floor(value / 0x100000000));
}
