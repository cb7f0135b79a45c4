/** Memory for chunks between their arrival and their storing; bytes. */
const BYTES = 32 << 20;

interface Wish {
  bytes: number;
  begin: () => void;
}

/** Divides the memory for chunks that must be stored between wishes, first come first served. */
export class MemoryWindow {
  #free = BYTES;
  readonly #waiting: Wish[] = [];

  /** Settles when there is memory for a chunk; one that is larger than all of it gets all. The result gives it back. */
  take(size: number): Promise<Disposable> {
    const bytes = Math.min(size, BYTES);
    const released = (): void => {
      this.#free += bytes;
      this.#next();
    };
    return new Promise((settle) => {
      this.#waiting.push({ bytes, begin: () => settle({ [Symbol.dispose]: released }) });
      this.#next();
    });
  }

  #next(): void {
    for (let [first] = this.#waiting; first !== undefined && first.bytes <= this.#free; [first] = this.#waiting) {
      this.#waiting.shift();
      this.#free -= first.bytes;
      first.begin();
    }
  }
}
