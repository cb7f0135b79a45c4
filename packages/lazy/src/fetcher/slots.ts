/** Connections to a registry. */
const CONNECTIONS = 6;
/** Those of them that are used in the background, and the same while readers wait. */
const BACKGROUND = 4;
const BACKGROUND_WHILE_WAITED = 1;
/** Readers that have just been answered are likely to wait for the next chunk soon; milliseconds. */
const LINGER = 300;

interface Job {
  run: () => void;
}

/** Divides connections between wishes, which come first, and the background. */
export class Slots {
  readonly #urgent: Job[] = [];
  readonly #background: Job[] = [];
  #urgentRunning = 0;
  #backgroundRunning = 0;
  #lastUrgent = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  /** Whether readers wait, or have just waited: background requests should be small. */
  get isBusy(): boolean {
    return this.#urgentRunning > 0 || this.#urgent.length > 0 || performance.now() - this.#lastUrgent < LINGER;
  }

  async urgent<T>(work: () => Promise<T>): Promise<T> {
    await this.#turn(this.#urgent);
    try {
      return await work();
    } finally {
      this.#urgentRunning--;
      this.#lastUrgent = performance.now();
      this.#next();
    }
  }

  async background<T>(work: () => Promise<T>): Promise<T> {
    await this.#turn(this.#background);
    try {
      return await work();
    } finally {
      this.#backgroundRunning--;
      this.#next();
    }
  }

  #turn(queue: Job[]): Promise<void> {
    return new Promise((run) => {
      queue.push({ run });
      this.#next();
    });
  }

  #next(): void {
    while (this.#urgent.length > 0 && this.#urgentRunning + this.#backgroundRunning < CONNECTIONS) {
      this.#urgentRunning++;
      this.#urgent.shift()?.run();
    }
    const most = this.isBusy ? BACKGROUND_WHILE_WAITED : BACKGROUND;
    while (this.#background.length > 0 && this.#backgroundRunning < most) {
      this.#backgroundRunning++;
      this.#background.shift()?.run();
    }
    if (this.#background.length === 0 || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#next();
    }, LINGER);
  }
}
