import { writeSync } from "node:fs";
import { messageOf } from "@puzzlefs/linux";

/**
 * The descriptors of a process that serves a mount, after the standard ones. It inherits what it needs when it starts:
 * later it cannot open anything by a path.
 */
export const CONTROL_DESCRIPTOR = 3;
/** The log; see LogTarget. */
export const LOG_DESCRIPTOR = 4;
/** A socket to the process that unmounts at a signal. */
export const UNMOUNTER_DESCRIPTOR = 5;
/** The store, or what else the tree is opened from. It may become the root directory. */
export const RESOURCE_DESCRIPTOR = 6;
/** fusermount3 unmounts when this is closed by all (auto_unmount). */
export const FUSERMOUNT_DESCRIPTOR = 7;
/** Under supervision: the memory of the request that is being answered. */
export const MEMORY_DESCRIPTOR = 8;
/** Kept open by all processes behind the mount, for the lock on it. */
export const KEPT_DESCRIPTOR = 9;
/** Of a shared server: where commands connect. */
export const LISTENER_DESCRIPTOR = 10;
/** A socket over which the program can ask for what it cannot open itself. */
export const REQUEST_DESCRIPTOR = 11;

/** A message of a server over its control socket, a line of JSON. It receives the device of the mount. */
export type ServerReport = { opened: true } | { ready: true } | { error: ReportedError };

/** An error as data, for another process. */
export interface ReportedError {
  name: string;
  message: string;
  code?: string;
  /** The `kind` of errors that have one, such as LayoutError. */
  kind?: string;
}

/** Sends a report to the process that started this one. */
export function report(text: ServerReport): void {
  try {
    writeSync(CONTROL_DESCRIPTOR, `${JSON.stringify(text)}\n`);
  } catch {
    // The starter has ended.
  }
}

export function reportError(error: unknown): ReportedError {
  if (!(error instanceof Error)) return { name: "Error", message: messageOf(error) };
  const code = "code" in error && typeof error.code === "string" ? { code: error.code } : {};
  const kind = "kind" in error && typeof error.kind === "string" ? { kind: error.kind } : {};
  return { name: error.name, message: messageOf(error), ...code, ...kind };
}

/**
 * A server's own error, in the process that started it. `name` is that of the original ("FormatError",
 * "IntegrityError", "MountError"), so that callers can distinguish them.
 */
export class DaemonError extends Error {
  readonly code: string | undefined;
  readonly kind: string | undefined;

  constructor(reported: ReportedError) {
    super(reported.message);
    this.name = reported.name;
    this.code = reported.code;
    this.kind = reported.kind;
  }
}
