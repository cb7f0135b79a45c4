import type { Waiting } from "@puzzlefs/oci";
import { warning } from "./terminal/messages.ts";

/** A command that waits longer than this reports the reason. */
const SILENT_MILLISECONDS = 1000;

/** Warns once, with the process that holds the lock of a layout. */
export function lockWaiting(): Waiting {
  let isReported = false;
  return ({ path, milliseconds, holder }) => {
    if (isReported || milliseconds < SILENT_MILLISECONDS) return;
    isReported = true;
    const process = holder();
    warning(`waiting for the lock of ${path}${process === undefined ? "" : `, held by process ${process}`}`);
  };
}
