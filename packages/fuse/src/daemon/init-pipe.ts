import { constants, fstatSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { close, FileStatus, hasCode, messageOf, O_PATH, openNamed, reasonOf } from "@puzzlefs/linux";
import type { Log } from "./log-level.ts";

const RETRY = 20;

/** How long a process that is about to end waits for a reader, milliseconds. */
const PATIENCE = 30_000;

const REASONS = new Map([
  ["ENOENT", "no such fifo"],
  ["EACCES", "no permission to write to it"],
]);

/** The fifo of --init-pipe, to which the outcome of a mount is written as by the Rust tool. */
export class InitPipe {
  readonly #path: string;
  /** Opened for writing as soon as there is a reader, and kept: closing it would be the end of file for the reader. */
  #descriptor: number | undefined;

  /** Throws Error unless it is a fifo that this process may write to, with or without a reader. */
  constructor(path: string) {
    this.#path = path;
    try {
      checkFifo(path);
      this.#descriptor = openForWriting(path);
    } catch (error) {
      const known = REASONS.get(String((error as NodeJS.ErrnoException).code));
      const reason = known ?? reasonOf(error);
      throw new Error(`init pipe ${path}: ${reason}`, { cause: error });
    }
  }

  /**
   * Writes "s" or "f" once there is a reader. It never blocks: the mount is usable meanwhile. Errors are logged and
   * otherwise ignored.
   *
   * @param ending whether the process is about to end: then it waits for at most PATIENCE, else for as long as it runs
   */
  async notify(outcome: "s" | "f", log: Log, ending: boolean): Promise<void> {
    try {
      const deadline = Date.now() + (ending ? PATIENCE : Infinity);
      while (!this.#write(outcome) && Date.now() < deadline) await sleep(RETRY, undefined, { ref: ending });
    } catch (error) {
      log("error", `init pipe ${this.#path}: ${messageOf(error)}`);
    }
  }

  /** False without a reader. */
  #write(outcome: string): boolean {
    const descriptor = this.#descriptor ?? openForWriting(this.#path);
    this.#descriptor = undefined;
    if (descriptor === undefined) return false;
    try {
      writeSync(descriptor, outcome);
      return true;
    } catch (error) {
      // The reader has closed it.
      if (hasCode(error, "EPIPE")) return false;
      throw error;
    } finally {
      close(descriptor);
    }
  }
}

/** O_PATH: opening it for reading or writing would have an effect on the process at its other end. */
function checkFifo(path: string): void {
  const descriptor = openNamed(path, O_PATH);
  try {
    const status = new FileStatus();
    status.readDescriptor(descriptor);
    if (status.type !== constants.S_IFIFO) throw new Error("not a fifo");
  } finally {
    close(descriptor);
  }
}

/**
 * Undefined without a reader. The name may refer to another file each time, as its directory may be another user's: the
 * type of the opened file is checked before anything is written.
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
