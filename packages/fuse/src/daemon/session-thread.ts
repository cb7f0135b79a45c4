import { parentPort, workerData } from "node:worker_threads";
import type { Negotiated } from "../operations/negotiation.ts";
import { Session } from "../session.ts";
import type { LogLevel } from "./log.ts";
import { type OpenTree, reportError, type ReportedError, type SessionThreadData } from "./request.ts";

/** From the session's thread to the main thread. */
export type FromSession =
  /** The tree is open: mount now. */
  | { kind: "opened" }
  | { kind: "ready"; negotiated: Negotiated }
  /** The tree cannot be opened, or the kernel not be talked to. */
  | { kind: "failed"; error: ReportedError }
  /** Unmounted. */
  | { kind: "ended" }
  | { kind: "log"; level: LogLevel; message: string };

/** To the session's thread, once: serve this device; the first session of a connection has INIT to answer. */
export interface ToSession {
  device: number;
  negotiate: boolean;
}

/** Whether this thread was started by SessionThread. */
export function isSessionThread(): boolean {
  const data: unknown = workerData;
  return typeof data === "object" && data !== null && "role" in data && data.role === "puzzlefs-fuse-session";
}

/**
 * The body of a session thread. It opens the tree here, because a tree cannot be passed between threads, and then
 * blocks in reads of the device for good: its event loop no longer turns, so that all it has to say goes out by
 * postMessage.
 */
export function runSessionThread(openTree: OpenTree): void {
  const port = parentPort;
  if (port === null) throw new Error("not a session thread");
  const data = workerData as SessionThreadData;
  const post = (message: FromSession): void => port.postMessage(message);
  const log = (level: LogLevel, message: string): void => post({ kind: "log", level, message });
  try {
    const tree = openTree(data.argument);
    port.once("message", ({ device, negotiate }: ToSession) => {
      try {
        const trace = data.debug ? { trace: (line: string) => log("debug", line) } : {};
        const session = new Session(device, tree, { owner: data.owner, log, ...trace });
        if (negotiate) post({ kind: "ready", negotiated: session.negotiate() });
        session.serve();
        tree.close();
        post({ kind: "ended" });
      } catch (error) {
        post({ kind: "failed", error: reportError(error) });
      }
    });
    post({ kind: "opened" });
  } catch (error) {
    post({ kind: "failed", error: reportError(error) });
  }
}
