import { constants, fstatSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { close, hasCode, openNamed } from "@puzzlefs/linux";
import type { Log } from "./log.ts";

const RETRY = 20;

/** How long a process that ends after that waits for a reader, milliseconds. */
const PATIENCE = 30_000;

/**
 * Writes the outcome of a mount, "s" or "f", to a fifo once somebody reads it, as users of the Rust tool's
 * --init-pipe expect. It never blocks: the mount is usable meanwhile. Problems are logged and otherwise ignored.
 *
 * @param ending whether the process is about to end: then it waits a while, else only as long as it lives anyway
 */
export async function notifyInitPipe(path: string, outcome: "s" | "f", log: Log, ending: boolean): Promise<void> {
  try {
    const deadline = Date.now() + (ending ? PATIENCE : Infinity);
    while (Date.now() < deadline) {
      const fifo = openForWriting(path);
      if (fifo !== undefined) {
        writeSync(fifo, outcome);
        close(fifo);
        return;
      }
      await sleep(RETRY, undefined, { ref: ending });
    }
  } catch (error) {
    log("error", `init pipe ${path}: ${error instanceof Error ? error.message : error}`);
  }
}

/**
 * Undefined while nobody reads. The name may mean something else each time, as its directory may be another user's:
 * what was opened is looked at before anything is written.
 */
function openForWriting(path: string): number | undefined {
  let descriptor: number;
  try {
    descriptor = openNamed(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    if (hasCode(error, "ENXIO")) return undefined;
    throw error;
  }
  if (fstatSync(descriptor).isFIFO()) return descriptor;
  close(descriptor);
  throw new Error("not a fifo");
}
