import type { Owner } from "../wire/reply.ts";
import type { MountableTree } from "../operations/mountable.ts";

/** Everything that it takes to mount a tree. Plain data but for `entry`, because it travels to other threads and processes. */
export interface MountRequest {
  /**
   * The module that opens the tree: it calls serve() at its top level and nothing else. It runs in every thread that
   * answers requests, and for spawnDaemon is the daemon's program too.
   */
  entry: URL;
  /** What serve()'s function gets; anything that JSON can hold. */
  argument: unknown;
  mountpoint: string;
  /** Mount options as after -o. */
  options?: string[];
  /** Default of the option fsname=, shown as the device in /proc/mounts. */
  fsname?: string;
  /** Where messages go instead of stderr (foreground) or the system log (daemon). */
  logFile?: string;
  /** Log every request. */
  debug?: boolean;
  /** A fifo that gets "s" once mounted, "f" if that fails. */
  initPipe?: string;
  /** Threads that answer requests, each with a tree of its own; 1 unless given. */
  threads?: number;
}

/** Opens the tree to be mounted. What it throws is the mount's error. */
export type OpenTree = (argument: unknown) => MountableTree;

/** An error as it crosses threads and processes, which would otherwise strip it of its class. */
export interface ReportedError {
  name: string;
  message: string;
  code?: string;
}

export function reportError(error: unknown): ReportedError {
  if (!(error instanceof Error)) return { name: "Error", message: String(error) };
  const code = "code" in error && typeof error.code === "string" ? { code: error.code } : {};
  return { name: error.name, message: error.message, ...code };
}

/**
 * The daemon's own error, in the process that waited for it. `name` is that of the original ("FormatError",
 * "IntegrityError", "MountError"), so that callers can tell them apart.
 */
export class DaemonError extends Error {
  readonly code: string | undefined;

  constructor(reported: ReportedError) {
    super(reported.message);
    this.name = reported.name;
    this.code = reported.code;
  }
}

/** What a session thread is started with. */
export interface SessionThreadData {
  role: "puzzlefs-fuse-session";
  argument: unknown;
  owner: Owner;
  debug: boolean;
}
