import { workerData } from "node:worker_threads";
import { messageOf } from "@puzzlefs/linux";
import { systemFailure } from "@puzzlefs/oci";

import { ChunkWork, WRITING, type WorkSettings } from "./chunk-work.ts";

// A worker thread: takes chunks until there are no more. It never returns to its event loop, so it reports errors through
// the queue's shared memory.
const settings = workerData as WorkSettings;
const work = new ChunkWork(settings);
try {
  for (let chunk = work.queue.takeOrWait(); chunk >= 0; chunk = work.queue.takeOrWait()) work.process(chunk);
} catch (error) {
  const failure = systemFailure(error, settings.layout, WRITING);
  work.queue.fail(messageOf(failure));
}
