import { closeSync } from "node:fs";
import { availableParallelism } from "node:os";
import { EAGAIN, read, setNonBlocking, watch, write } from "@puzzlefs/linux";
import type { Words } from "./wire/message-buffer.ts";

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
 * Milliseconds for which the next request is awaited by asking for it again and again. A program that looks at one file
 * after the other sends it so soon that falling asleep and being woken up would take most of the time.
 */
const VIGIL = 0.05;
/** Vigils in vain, one after the other, until it is believed that no such program is at work. */
const DISCOURAGING = 4;

/**
 * A descriptor of /dev/fuse, non-blocking. Reads and writes return negated error numbers instead of throwing: "nothing
 * to read" is the common outcome, and an exception with its stack trace would cost more than the request.
 */
export class Device implements Channel {
  readonly #descriptor: number;
  #watch: { close(): void } | undefined;
  /** Who has one processor only would keep the program waiting that is waited for. */
  readonly #mayWait = availableParallelism() > 1;
  #inVain = 0;
  /** When there was nothing to read, by performance.now(). */
  #idleSince = 0;

  /** Takes ownership of `descriptor`. */
  constructor(descriptor: number) {
    this.#descriptor = descriptor;
    setNonBlocking(descriptor);
  }

  read(into: Words): number {
    let got = this.#read(into);
    if (got !== -EAGAIN) {
      // Longer than a vigil, as waking up took its time, too.
      if (this.#inVain === DISCOURAGING && performance.now() - this.#idleSince < 2 * VIGIL) this.#inVain = 0;
      return got;
    }
    if (!this.#mayWait) return got;
    let now = performance.now();
    if (this.#inVain < DISCOURAGING) {
      for (const end = now + VIGIL; got === -EAGAIN && now < end; now = performance.now()) got = this.#read(into);
      this.#inVain = got === -EAGAIN ? this.#inVain + 1 : 0;
    }
    this.#idleSince = now;
    return got;
  }

  #read(into: Words): number {
    return read(this.#descriptor, into.bytes, into.bytes.length);
  }

  write(from: Words, length: number): number {
    return write(this.#descriptor, from.bytes, length);
  }

  watch(callback: () => void): void {
    this.#watch = watch(this.#descriptor, callback);
  }

  close(): void {
    this.#watch?.close();
    this.#watch = undefined;
    closeSync(this.#descriptor);
  }
}
