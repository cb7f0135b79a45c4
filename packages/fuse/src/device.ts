import { closeSync } from "node:fs";
import { availableParallelism } from "node:os";
import { EAGAIN, read, setNonBlocking, watch, write } from "@puzzlefs/linux";
import type { MessageBuffer } from "./wire/message-buffer.ts";

/** A connection to the kernel, as a session uses it. */
export interface Channel {
  /** Reads one request. Returns its length, or a negated error number. */
  read(into: MessageBuffer): number;
  /** Writes the first `length` bytes, one whole reply. Returns `length`, or a negated error number. */
  write(from: MessageBuffer, length: number): number;
  /** Calls back whenever there is something to read, and when the connection has ended. Keeps the process alive. */
  watch(callback: () => void): void;
  close(): void;
}

/**
 * Milliseconds of busy-polling after a request was answered. A program that reads one file after the other sends its next
 * request so soon that sleeping and waking up would take most of the time.
 */
const POLL_WINDOW = 0.05;
/** Poll windows without a request, in a row, after which polling stops: no such program is running. */
const MAX_EMPTY_WINDOWS = 4;

/**
 * A descriptor of /dev/fuse, non-blocking. Reads and writes return negated error numbers instead of throwing: "nothing
 * to read" is the common outcome, and an exception with its stack trace would cost more than the request.
 */
export class Device implements Channel {
  readonly #descriptor: number;
  #watch: { close(): void } | undefined;
  /** With a single CPU, busy-polling would delay the process whose request we wait for. */
  readonly #mayPoll = availableParallelism() > 1;
  #emptyWindows = 0;
  /** Time of the last read without a request, by performance.now(). */
  #idleSince = 0;

  /** Takes ownership of `descriptor`. */
  constructor(descriptor: number) {
    this.#descriptor = descriptor;
    setNonBlocking(descriptor);
  }

  read(into: MessageBuffer): number {
    let length = this.#read(into);
    if (length !== -EAGAIN) {
      // A request that came soon after a window means that polling pays again. Waking up took time, hence twice as long.
      if (this.#emptyWindows === MAX_EMPTY_WINDOWS && performance.now() - this.#idleSince < 2 * POLL_WINDOW)
        this.#emptyWindows = 0;
      return length;
    }
    if (!this.#mayPoll) return length;
    let now = performance.now();
    if (this.#emptyWindows < MAX_EMPTY_WINDOWS) {
      const end = now + POLL_WINDOW;
      for (; length === -EAGAIN && now < end; now = performance.now()) length = this.#read(into);
      this.#emptyWindows = length === -EAGAIN ? this.#emptyWindows + 1 : 0;
    }
    this.#idleSince = now;
    return length;
  }

  #read(into: MessageBuffer): number {
    return read(this.#descriptor, into.bytes, into.bytes.length);
  }

  write(from: MessageBuffer, length: number): number {
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

  [Symbol.dispose](): void {
    this.close();
  }
}
