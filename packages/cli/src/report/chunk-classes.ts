import type { ChunkSizes } from "./store-report.ts";

/** Exponents of the first bound and the last one: 1 KiB, 16 MiB. Other chunks are in the classes before and behind them. */
const FIRST = 10;
const LAST = 24;

/** Sizes of the distinct chunks of images, in classes from one power of two to the next. */
export class ChunkClasses {
  readonly #sizes = new Map<string, number>();

  /** @param digest hex */
  add(digest: string, size: number): void {
    this.#sizes.set(digest, size);
  }

  /** Classes without chunks before the first chunk and behind the last one are left out. */
  list(): ChunkSizes {
    const sizes = Float64Array.from(this.#sizes.values()).sort();
    const classes = Array.from({ length: LAST - FIRST + 2 }, (_, i) => ({
      from: i === 0 ? 0 : 2 ** (FIRST + i - 1),
      to: FIRST + i > LAST ? null : 2 ** (FIRST + i),
      chunks: 0,
      bytes: 0,
    }));
    let bytes = 0;
    for (const size of sizes) {
      const found = classes.findLast(({ from }) => size >= from) as (typeof classes)[number];
      found.chunks++;
      found.bytes += size;
      bytes += size;
    }
    const isUsed = (one: { chunks: number }): boolean => one.chunks > 0;
    const shown = sizes.length === 0 ? [] : classes.slice(classes.findIndex(isUsed), classes.findLastIndex(isUsed) + 1);
    return { chunks: sizes.length, bytes, median: sizes[sizes.length >>> 1] ?? 0, classes: shown };
  }
}
