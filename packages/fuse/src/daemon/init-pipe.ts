import { closeSync, constants, openSync, statSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { errorCode } from "../wire/errno.ts";
import type { Log } from "./log.ts";

const RETRY = 20;

/** How long somebody who ends after that waits for a reader, milliseconds. */
const PATIENCE = 30_000;

/**
 * Writes the outcome of a mount, "s" or "f", to a fifo once somebody reads it, as users of the Rust tool's
 * --init-pipe expect. It never blocks: the mount is usable meanwhile. Problems are logged and otherwise ignored.
 *
 * @param ending whether the process is about to end: then it waits a while, else only as long as it lives anyway
 */
export async function notifyInitPipe(path: string, outcome: "s" | "f", log: Log, ending: boolean): Promise<void> {
  try {
    if (!statSync(path).isFIFO()) throw new Error("not a fifo");
    const deadline = Date.now() + (ending ? PATIENCE : Infinity);
    while (Date.now() < deadline) {
      const fifo = openForWriting(path);
      if (fifo !== undefined) {
        writeSync(fifo, outcome);
        closeSync(fifo);
        return;
      }
      await sleep(RETRY, undefined, { ref: ending });
    }
  } catch (error) {
    log("error", `init pipe ${path}: ${error instanceof Error ? error.message : error}`);
  }
}

/** Undefined while nobody reads. */
function openForWriting(path: string): number | undefined {
  try {
    return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (errorCode(error) === "ENXIO") return undefined;
    throw error;
  }
}
