import { setTimeout as pause } from "node:timers/promises";
import { RegistryError } from "./errors.ts";

export const MOST_TRIES = 5;
const LONGEST_PAUSE = 60_000;
/** Bytes after which a transfer that broke counts as one that works. */
const PROGRESS = 1_000_000;

/** The repetition of one operation: several attempts, with doubled and random pauses between them. */
export class Attempts {
  readonly #most: number;
  readonly #first: number;
  readonly #warn: (line: string) => void;
  readonly #signal: AbortSignal | undefined;
  #made = 1;
  #bytes = 0;

  /** @param first milliseconds before the second attempt. */
  constructor(most: number, first: number, warn: (line: string) => void, signal: AbortSignal | undefined) {
    this.#most = most;
    this.#first = first;
    this.#warn = warn;
    this.#signal = signal;
  }

  /** Records bytes that arrived. */
  progress(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes >= PROGRESS) this.#made = 1;
  }

  /** Waits until the next attempt. Throws `error` if it is not transient or was the last one, and the signal's reason. */
  async failed(error: unknown): Promise<void> {
    this.#signal?.throwIfAborted();
    if (!(error instanceof RegistryError) || !error.isTransient || this.#made >= this.#most) throw error;
    const backoff = this.#first * 2 ** (this.#made - 1) * (0.5 + Math.random());
    this.#made++;
    this.#bytes = 0;
    const length = Math.min(error.retryAfter ?? backoff, LONGEST_PAUSE);
    this.#warn(`${error.message}; attempt ${this.#made} of ${this.#most} in ${Math.ceil(length / 1000)} s`);
    try {
      await pause(length, undefined, this.#signal === undefined ? {} : { signal: this.#signal });
    } catch (aborted) {
      this.#signal?.throwIfAborted();
      throw aborted;
    }
  }
}

/** Milliseconds of a Retry-After header: seconds, a date, or with a unit as some registries write it ("10ms"). */
export function retryAfter(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  const [, number, unit] = /^(\d{1,9}(?:\.\d{1,9})?)(ms|s|m)?$/.exec(header.trim()) ?? [];
  if (number !== undefined) return Number(number) * (unit === "ms" ? 1 : unit === "m" ? 60_000 : 1000);
  const date = Date.parse(header);
  return date > now ? date - now : undefined;
}
