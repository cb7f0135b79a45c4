import { IN_HEADER_SIZE, inHeader } from "./abi.ts";
import type { MessageBuffer } from "./message-buffer.ts";

/** A request as the kernel would send it, for tests. */
export interface FakeRequest {
  opcode: number;
  unique?: number;
  node?: number;
  uid?: number;
  pid?: number;
  body?: Uint8Array;
}

/** Writes `fake` into a request buffer and returns its length. */
export function putRequest(buffer: MessageBuffer, fake: FakeRequest): number {
  const body = fake.body ?? new Uint8Array(0);
  const length = IN_HEADER_SIZE + body.length;
  buffer.zero(0, IN_HEADER_SIZE);
  buffer.put32(inHeader.len, length);
  buffer.put32(inHeader.opcode, fake.opcode);
  buffer.put64(inHeader.unique, fake.unique ?? 2);
  buffer.put64(inHeader.nodeid, fake.node ?? 1);
  buffer.put32(inHeader.uid, fake.uid ?? 0);
  buffer.put32(inHeader.pid, fake.pid ?? 1);
  buffer.bytes.set(body, IN_HEADER_SIZE);
  return length;
}

/** A body of unsigned 32-bit words followed by `text` and a NUL, if given. */
export function bodyOf(words: number[], text?: string): Buffer {
  const numbers = Buffer.from(Uint32Array.from(words).buffer);
  return text === undefined ? numbers : Buffer.concat([numbers, Buffer.from(`${text}\0`, "latin1")]);
}

/** The two words of a u64 on a little-endian host. */
export function wide(value: number): [number, number] {
  return [value >>> 0, Math.floor(value / 2 ** 32) >>> 0];
}
