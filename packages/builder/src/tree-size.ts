import { Worker } from "node:worker_threads";
import type { Crossing } from "@puzzlefs/linux";

export interface SizeScanOrder {
  root: string;
  crossing: Crossing;
  memory: SharedArrayBuffer;
}

/** Index of the sum in the shared memory, as a 64-bit integer; -1 until it is known. */
export const sizeSlot = 0;

/**
 * The size of a tree, which a thread of its own adds up while the tree is built: a scan before the build would take more
 * time than it is worth. The sum is in shared memory, so that reading it needs no turn of the event loop.
 */
export class TreeSize {
  readonly #memory = new SharedArrayBuffer(8);
  readonly #worker: Worker;

  constructor(root: string, crossing: Crossing) {
    const order: SizeScanOrder = { root, crossing, memory: this.#memory };
    new BigInt64Array(this.#memory)[sizeSlot] = -1n;
    const here = import.meta.url;
    const entry = new URL(here.endsWith(".ts") ? "./size-scan.ts" : "./size-scan.js", here);
    this.#worker = new Worker(entry, { workerData: order, stdout: true, stderr: true });
    this.#worker.on("error", () => undefined);
    this.#worker.unref();
  }

  /** Bytes, or undefined until it is known. */
  get bytes(): number | undefined {
    const total = Number(Atomics.load(new BigInt64Array(this.#memory), sizeSlot));
    return total < 0 ? undefined : total;
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}
