import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { DaemonError, type MountRequest, type ReportedError } from "./request.ts";

/** What the daemon writes to its descriptor REPORT, as JSON, before it lets go of its parent. */
export type DaemonReport = { mounted: true } | { error: ReportedError };

/** The pipe to the parent. */
export const REPORT = 3;

/** argv[2] of a daemon; argv[3] is the request as JSON. */
export const DAEMON_ARGUMENT = "puzzlefs-fuse-daemon";

/**
 * Mounts in a new process of its own session and resolves with its pid once the mount is usable. Rejects with
 * DaemonError: the daemon's own error, or how it died. Until then the daemon's stderr is ours.
 */
export async function spawnDaemon(request: MountRequest): Promise<number> {
  const absolute: MountRequest = { ...request, mountpoint: resolve(request.mountpoint) };
  if (request.logFile !== undefined) absolute.logFile = resolve(request.logFile);
  if (request.initPipe !== undefined) absolute.initPipe = resolve(request.initPipe);
  const entry = fileURLToPath(request.entry);
  const child = spawn(process.execPath, [...process.execArgv, entry, DAEMON_ARGUMENT, JSON.stringify(absolute)], {
    cwd: "/",
    detached: true,
    stdio: ["ignore", "ignore", "inherit", "pipe"],
  });
  const died = new Promise<string>((settle) => {
    child.once("error", (error) => settle(error.message));
    child.once("exit", (code, signal) => settle(signal ?? `exit code ${code}`));
  });
  const pipe = child.stdio[REPORT];
  if (pipe === null || pipe === undefined || !("on" in pipe)) throw new Error("no pipe to the daemon");
  const text = await readAll(pipe as NodeJS.ReadableStream);
  if (text === "") throw new DaemonError({ name: "Error", message: `the mount daemon died: ${await died}` });
  const report = JSON.parse(text) as DaemonReport;
  if ("error" in report) throw new DaemonError(report.error);
  child.unref();
  return child.pid ?? 0;
}

async function readAll(pipe: NodeJS.ReadableStream): Promise<string> {
  let text = "";
  for await (const part of pipe) text += part.toString();
  return text;
}
