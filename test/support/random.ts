/** The seed of the run, which test/run.ts prints. Every random choice of a test is derived from it. */
export const runSeed = Number(process.env["PUZZLEFS_SEED"] ?? 1);

/** Multiplies the numbers of random cases: PUZZLEFS_FUZZ=100 runs for hours, and `make check` tries a fifth. */
export const effort = Number(process.env["PUZZLEFS_FUZZ"] ?? 1);

/** `count` rounds of a random test, by the effort of the run; one at least. */
export function rounds(count: number): number {
  return Math.max(1, Math.round(count * effort));
}

/** A generator of random choices: the same seed makes the same choices. */
export class Random {
  #state: number;

  constructor(seed = runSeed) {
    this.#state = seed >>> 0;
  }

  /** 32 random bits (the generator "mulberry32"). */
  bits(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** An integer from 0 to `end` - 1. */
  below(end: number): number {
    return Math.floor((this.bits() / 2 ** 32) * end);
  }

  /** True once in `times` calls on average. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.below(choices.length)];
    if (choice === undefined) throw new Error("nothing to pick from");
    return choice;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }

  shuffled<T>(items: readonly T[]): T[] {
    const result = [...items];
    for (let i = result.length - 1; i > 0; i--) {
      const other = this.below(i + 1);
      [result[i], result[other]] = [result[other] as T, result[i] as T];
    }
    return result;
  }
}
