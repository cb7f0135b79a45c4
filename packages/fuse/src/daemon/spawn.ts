import { spawn } from "node:child_process";
import { DaemonError, type DaemonReport, REPORT_DESCRIPTOR } from "./report.ts";

/**
 * Starts a daemon, a Node process in a session of its own whose program calls serve(), and resolves with its pid once
 * its mount is usable. Rejects with DaemonError: the daemon's own error, or how it died. Until then the daemon shares
 * our stderr and working directory.
 *
 * @param argv the program and its arguments
 */
export async function spawnDaemon(argv: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [...process.execArgv, ...argv], {
    detached: true,
    stdio: ["ignore", "ignore", "inherit", "pipe"],
  });
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
  child.unref();
  return child.pid ?? 0;
}
