import { constants, readSync, writeSync } from "node:fs";
import { ReadStream } from "node:tty";
import { hasCode, openNamed } from "@puzzlefs/linux";
import { UsageError } from "../errors.ts";

/** The longest password, bytes. */
const LIMIT = 1024;
const INTERRUPT = 3;
const END = 4;
const ERASE = [8, 127];
const NEWLINES = [10, 13];

/** Reads a password from a descriptor: its first line. */
export function passwordFrom(descriptor: number): Buffer {
  const bytes = Buffer.alloc(LIMIT + 1);
  let length = 0;
  for (let count = -1; length < bytes.length && count !== 0 && !bytes.subarray(0, length).includes(10); length += count)
    count = readSync(descriptor, bytes, length, bytes.length - length, null);
  const end = bytes.subarray(0, length).indexOf(10);
  if (length > LIMIT && end === -1) throw new UsageError(`a password of more than ${LIMIT} bytes`);
  return bytes.subarray(0, end === -1 ? length : end);
}

/** Asks for a password on the terminal of the process, without showing it. Throws UsageError where there is none, and if the user interrupts. */
export async function askPassword(prompt: string): Promise<Buffer> {
  let descriptor: number;
  try {
    descriptor = openNamed("/dev/tty", constants.O_RDWR | constants.O_NOCTTY);
  } catch (error) {
    if (!hasCode(error, "ENXIO", "ENOENT", "EACCES")) throw error;
    throw new UsageError("the key has a password, and there is no terminal to ask for it: --password-fd");
  }
  writeSync(descriptor, prompt);
  const terminal = new ReadStream(descriptor);
  terminal.setRawMode(true);
  try {
    return await lineFrom(terminal);
  } finally {
    terminal.setRawMode(false);
    writeSync(descriptor, "\n");
    terminal.destroy();
  }
}

async function lineFrom(terminal: ReadStream): Promise<Buffer> {
  const bytes: number[] = [];
  for await (const piece of terminal as AsyncIterable<Buffer>) {
    for (const byte of piece) {
      if (byte === INTERRUPT || (byte === END && bytes.length === 0)) throw new UsageError("no password was given");
      if (NEWLINES.includes(byte)) return Buffer.from(bytes);
      if (ERASE.includes(byte)) bytes.pop();
      else if (bytes.length < LIMIT) bytes.push(byte);
    }
  }
  throw new UsageError("no password was given");
}
