/** Blobs that are uploaded at a time. */
const UPLOADS = 3;

/**
 * Uploads in the order in which they are added, some at a time, while the next ones are made. After a failure no more are begun. Disposing of it
 * waits for those that were.
 */
export class Uploads implements AsyncDisposable {
  readonly #waiting: (() => Promise<void>)[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #failures: unknown[] = [];

  /** Throws what an earlier one has failed with. */
  add(upload: () => Promise<void>): void {
    this.#throwFailure();
    this.#waiting.push(upload);
    this.#begin();
  }

  /** Waits for all. Throws what the first one failed with. */
  async end(): Promise<void> {
    while (this.#running.size > 0) await Promise.race(this.#running);
    this.#throwFailure();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#waiting.length = 0;
    await Promise.all(this.#running);
  }

  #begin(): void {
    while (this.#running.size < UPLOADS) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      const running = next()
        .catch((error: unknown) => {
          this.#waiting.length = 0;
          this.#failures.push(error);
        })
        .then(() => {
          this.#running.delete(running);
          this.#begin();
        });
      this.#running.add(running);
    }
  }

  #throwFailure(): void {
    if (this.#failures.length > 0) throw this.#failures[0];
  }
}
