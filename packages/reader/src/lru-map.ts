/** A map whose entries are in the order of their last use, with a weight each: for caches that count what they hold in bytes, runs or entries. */
export class LruMap<Key, Value> {
  readonly #entries = new Map<Key, Value>();
  readonly #weightOf: (value: Value) => number;
  /** Of all entries together. */
  weight = 0;

  constructor(weightOf: (value: Value) => number) {
    this.#weightOf = weightOf;
  }

  get size(): number {
    return this.#entries.size;
  }

  has(key: Key): boolean {
    return this.#entries.has(key);
  }

  /** The entry becomes the one used last. */
  get(key: Key): Value | undefined {
    const value = this.#entries.get(key);
    if (value !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, value);
    }
    return value;
  }

  /** Adds an entry that is not there yet. */
  add(key: Key, value: Value): void {
    this.#entries.set(key, value);
    this.weight += this.#weightOf(value);
  }

  delete(key: Key): Value | undefined {
    const value = this.#entries.get(key);
    if (value !== undefined && this.#entries.delete(key)) this.weight -= this.#weightOf(value);
    return value;
  }

  /** Removes the entry that was not used for longest, and returns its value. */
  deleteOldest(): Value | undefined {
    for (const key of this.#entries.keys()) return this.delete(key);
    return undefined;
  }
}
