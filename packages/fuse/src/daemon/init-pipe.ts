import { closeSync, constants, openSync, statSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { errorCode } from "../wire/errno.ts";
import type { Log } from "./log.ts";

const RETRY = 20;

/** How long a failed mount waits for somebody to read of it, milliseconds. */
const PATIENCE = 30_000;

/**
 * Writes the outcome of a mount, "s" or "f", to a fifo once somebody reads it, as users of the Rust tool's
 * --init-pipe expect. It never blocks: the mount is usable meanwhile. Problems are logged and otherwise ignored.
 */
export async function notifyInitPipe(path: string, outcome: "s" | "f", log: Log): Promise<void> {
  try {
    if (!statSync(path).isFIFO()) throw new Error("not a fifo");
    const deadline = Date.now() + (outcome === "f" ? PATIENCE : Infinity);
    while (Date.now() < deadline) {
      const fifo = openForWriting(path);
      if (fifo !== undefined) {
        writeSync(fifo, outcome);
        closeSync(fifo);
        return;
      }
      // A mount that ends does not wait for its reader; a failure does.
      await sleep(RETRY, undefined, { ref: outcome === "f" });
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
