import { workerData } from "node:worker_threads";

import { ChunkWork, type WorkSettings } from "./chunk-work.ts";

// The whole life of a worker thread: take chunks until there are no more. It never returns to its event loop, so
// whatever goes wrong is reported through the queue's shared memory.
const work = new ChunkWork(workerData as WorkSettings);
try {
  for (let chunk = work.queue.takeOrWait(); chunk >= 0; chunk = work.queue.takeOrWait()) work.process(chunk);
} catch (error) {
  work.queue.fail(error instanceof Error ? error.message : String(error));
}
