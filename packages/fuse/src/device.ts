import { closeSync } from "node:fs";
import { libc, type Watch } from "./mount/libc.ts";
import type { Words } from "./wire/words.ts";

/** The kernel's end of a connection, as a session sees it. */
export interface Channel {
  /** Reads one request. Returns its length, or a negated error number. */
  read(into: Words): number;
  /** Writes the first `length` bytes, one whole reply. Returns `length`, or a negated error number. */
  write(from: Words, length: number): number;
  /** Calls back whenever there is something to read, and when the connection has ended. Keeps the process alive. */
  watch(callback: () => void): void;
  close(): void;
}

/**
 * A descriptor of /dev/fuse, non-blocking. Reads and writes return negated error numbers instead of throwing: "nothing
 * to read" is the common outcome, and an exception with its stack trace would cost more than the request.
 */
export class Device implements Channel {
  readonly #descriptor: number;
  readonly #libc = libc();
  #watch: Watch | undefined;

  /** Takes ownership of `descriptor`. */
  constructor(descriptor: number) {
    this.#descriptor = descriptor;
    this.#libc.setNonBlocking(descriptor);
  }

  read(into: Words): number {
    return this.#libc.read(this.#descriptor, into.bytes, into.bytes.length);
  }

  write(from: Words, length: number): number {
    return this.#libc.write(this.#descriptor, from.bytes, length);
  }

  watch(callback: () => void): void {
    this.#watch = this.#libc.watch(this.#descriptor, callback);
  }

  close(): void {
    this.#watch?.close();
    this.#watch = undefined;
    closeSync(this.#descriptor);
  }
}
