import { readFileSync } from "node:fs";

import { cutMasks, gearTable } from "./gear.ts";
import { checkChunkSizes, type ChunkSizes } from "./sizes.ts";

const pageSize = 65536;

/** The exports of assembly/cut.ts. */
interface CutExports {
  configure(min: number, avg: number, max: number, strict: bigint, loose: bigint): void;
  cut(start: number, length: number): number;
}

// In a bundle the module is beside it; in the checkout, where `make build` writes it.
function modulePath(): URL {
  return new URL(import.meta.url.endsWith(".ts") ? "../dist/cut.wasm" : "./cut.wasm", import.meta.url);
}

/**
 * Finds the cut points of FastCDC (docs/format.md §3) in memory of its own. Data is read straight into `memory`, at
 * `dataStart` or above, and can be worked on there by other threads.
 */
export class Chunker {
  readonly sizes: ChunkSizes;
  readonly memory: Uint8Array<SharedArrayBuffer>;
  /** First byte of `memory` that is the caller's. */
  readonly dataStart = pageSize;
  #exports: CutExports;

  /** Reserves `dataBytes` for the caller. Throws a RangeError for sizes outside FastCDC's limits. */
  constructor(sizes: ChunkSizes, dataBytes: number) {
    checkChunkSizes(sizes);
    this.sizes = sizes;
    const pages = Math.ceil((pageSize + dataBytes) / pageSize);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    this.memory = new Uint8Array(memory.buffer);

    const gear = gearTable();
    const tables = new BigUint64Array(this.memory.buffer, 0, 512);
    tables.set(gear);
    tables.set(
      gear.map((value) => value << 1n),
      256,
    );

    const module = new WebAssembly.Module(readFileSync(modulePath()));
    const instance = new WebAssembly.Instance(module, { env: { memory } });
    this.#exports = instance.exports as unknown as CutExports;
    const { strict, loose } = cutMasks(sizes.avg);
    this.#exports.configure(sizes.min, sizes.avg, sizes.max, strict, loose);
  }

  /**
   * Length of the chunk that begins at `start` of `memory`, `length` bytes being there. The answer is final when
   * `length` is at least `sizes.max` or the stream ends with it; with less, call again once more has been read.
   */
  cut(start: number, length: number): number {
    return this.#exports.cut(start, length);
  }
}
