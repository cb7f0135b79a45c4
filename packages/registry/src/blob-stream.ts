import { Readable } from "node:stream";
import type { Answer } from "./answer.ts";
import type { Attempts } from "./attempts.ts";
import { RegistryError } from "./errors.ts";
import { stalled } from "./host.ts";

/** Bytes of a blob on their way: the answer, and the position of its first byte in the blob. */
export interface Opened {
  answer: Answer;
  start: number;
}

export interface StreamPlan {
  /** The blob, for messages. */
  what: string;
  /** Of the stream: its first byte in the blob, and the byte after its last. */
  start: number;
  end: number;
  /** Of the blob. */
  size: number;
  attempts: Attempts;
  /** Milliseconds. */
  stall: number;
  signal: AbortSignal | undefined;
  /** Asks for the bytes from `position` on; may return more of the blob. */
  open(position: number): Promise<Opened>;
}

/** Bytes that wait for their reader. */
const BUFFERED = 256 << 10;

/** The bytes from `start` to `end`, over as many connections as it takes. */
export class BlobStream extends Readable {
  readonly #plan: StreamPlan;
  #answer: Answer | undefined;
  /** Of the next byte that the answer delivers. */
  #at = 0;
  /** Of the next byte to hand out. */
  #position: number;
  #watch: NodeJS.Timeout | undefined;

  constructor(plan: StreamPlan, first: Opened) {
    super({ highWaterMark: BUFFERED });
    this.#plan = plan;
    this.#position = plan.start;
    // An error before a reader listens is not the end of the process; the reader finds it.
    this.on("error", () => {});
    this.#attach(first);
  }

  override _read(): void {
    this.#watch?.refresh();
    this.#watch ??= this.#answer && this.#newWatch();
    this.#answer?.message.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#detach()?.message.destroy();
    callback(error);
  }

  #attach({ answer, start }: Opened): void {
    if (this.destroyed) return void answer.message.destroy();
    const { message } = answer;
    this.#answer = answer;
    this.#at = start;
    this.#watch = this.#newWatch();
    message.on("data", (piece: Buffer) => {
      if (this.#answer === answer) this.#receive(piece);
    });
    message.on("end", () => this.#ended(answer));
    message.on("error", (error) => this.#ended(answer, error));
    message.on("close", () => this.#ended(answer));
  }

  #newWatch(): NodeJS.Timeout {
    return setTimeout(() => {
      const at = this.#at;
      // After this process was busy, bytes that have arrived are read first.
      setImmediate(() => {
        const answer = this.#answer;
        if (answer !== undefined && this.#at === at) this.#ended(answer, stalled(answer.url, this.#plan.stall));
        else this.#watch?.refresh();
      });
    }, this.#plan.stall);
  }

  #detach(): Answer | undefined {
    clearTimeout(this.#watch);
    this.#watch = undefined;
    const answer = this.#answer;
    this.#answer = undefined;
    return answer;
  }

  #receive(piece: Buffer): void {
    this.#watch?.refresh();
    const { end, size, what, attempts } = this.#plan;
    const wanted = piece.subarray(Math.max(0, this.#position - this.#at), Math.max(0, end - this.#at));
    this.#at += piece.length;
    this.#position += wanted.length;
    attempts.progress(wanted.length);
    if (this.#at > size) return void this.destroy(new RegistryError("corrupt", `${what}: more than ${size} bytes`));
    const isFull = wanted.length > 0 && !this.push(wanted);
    if (this.#position === end && this.#at > end) {
      // The rest of the answer is not wanted.
      this.#detach()?.message.destroy();
      this.push(null);
    } else if (isFull) {
      // A reader that pauses is no stall.
      clearTimeout(this.#watch);
      this.#watch = undefined;
      this.#answer?.message.pause();
    }
  }

  #ended(answer: Answer, error?: Error): void {
    if (this.#answer !== answer) return;
    this.#detach();
    if (this.#position === this.#plan.end) return void this.push(null);
    answer.message.destroy();
    const { what, signal } = this.#plan;
    if (signal?.aborted === true) return void this.destroy(signal.reason as Error);
    const failure =
      error instanceof RegistryError
        ? error
        : new RegistryError("unreachable", `${what}: the connection broke at byte ${this.#position}`, { cause: error });
    void this.#continue(failure);
  }

  /** Goes on at the first missing byte. */
  async #continue(failure: RegistryError): Promise<void> {
    let error: unknown = failure;
    try {
      for (;;) {
        await this.#plan.attempts.failed(error);
        if (this.destroyed) return;
        try {
          return this.#attach(await this.#plan.open(this.#position));
        } catch (next) {
          error = next;
        }
      }
    } catch (last) {
      this.destroy(last as Error);
    }
  }
}
