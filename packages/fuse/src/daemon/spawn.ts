import { spawn } from "node:child_process";
import { DaemonError, type DaemonReport, REPORT_DESCRIPTOR } from "./report.ts";

/** A process that serves a mount. */
export interface Daemon {
  pid: number;
  /** Its exit code, once it has ended; 1 if a signal ended it. */
  ended: Promise<number>;
}

/**
 * Starts a daemon, a Node process in a session of its own whose program calls serve(), and resolves once its mount is
 * usable. Rejects with DaemonError: the daemon's own error, or how it died. Until then the daemon shares our stderr and
 * working directory.
 *
 * @param argv the program and its arguments
 * @param attached we do not end before it, as DaemonSettings.attached says, and pass signals on
 */
export async function spawnDaemon(argv: readonly string[], attached = false): Promise<Daemon> {
  const child = spawn(process.execPath, [...process.execArgv, ...argv], {
    // Never in our process group: Ctrl-C there would reach it beside what we pass on.
    detached: true,
    stdio: ["ignore", "ignore", "inherit", "pipe"],
  });
  const ended = new Promise<number>((settle) => child.once("exit", (code) => settle(code ?? 1)));
  const died = new Promise<string>((settle) => {
    child.once("error", (error) => settle(error.message));
    child.once("exit", (code, signal) => settle(signal ?? `exit code ${code}`));
  });
  let text = "";
  for await (const part of child.stdio[REPORT_DESCRIPTOR] as NodeJS.ReadableStream) text += part.toString();
  const report: DaemonReport | undefined = text === "" ? undefined : JSON.parse(text);
  if (report === undefined) {
    throw new DaemonError({ name: "Error", message: `the daemon died before the mount was complete: ${await died}` });
  }
  if ("error" in report) throw new DaemonError(report.error);
  if (!attached) child.unref();
  return { pid: child.pid ?? 0, ended };
}
