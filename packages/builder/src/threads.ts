import { Worker } from "node:worker_threads";

import type { WorkSettings } from "./chunk-work.ts";

/** Where the worker's code is: beside this file in the checkout, beside the bundle as `worker.js` once bundled. */
export function workerEntry(): URL {
  return new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);
}

/** Nothing that a chunk needs outlives it, but V8 lets the heap for new objects grow to 24 MiB. */
const WORKER_LIMITS = { maxYoungGenerationSizeMb: 6 };

/** The worker threads of one build. */
export class WorkerThreads {
  #settings: WorkSettings;
  #count: number;
  #exits: Promise<void>[] = [];
  /** Why a thread could not start or go on; known once the event loop has run. */
  failure: Error | undefined;

  constructor(settings: WorkSettings, count: number) {
    this.#settings = settings;
    this.#count = count;
  }

  /** Starts the threads; later calls do nothing. */
  start(): void {
    if (this.#exits.length > 0) return;
    for (let index = 0; index < this.#count; index++) {
      const name = `puzzlefs-build-${index}`;
      // Otherwise Node would open the program's standard output and error for the thread, and make them non-blocking.
      const worker = new Worker(workerEntry(), {
        workerData: this.#settings,
        name,
        stdout: true,
        stderr: true,
        resourceLimits: WORKER_LIMITS,
      });
      worker.on("error", (error: Error) => (this.failure ??= error));
      this.#exits.push(new Promise((resolve) => worker.on("exit", () => resolve())));
    }
  }

  /** Waits until every thread has left, once the queue is closed. */
  async join(): Promise<void> {
    await Promise.all(this.#exits);
  }
}
