import { closeSync, openSync, writeSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { isMainThread } from "node:worker_threads";
import { libc } from "../mount/libc.ts";
import { mountForeground } from "./foreground.ts";
import { fileLog, type Log, systemLog } from "./log.ts";
import { type MountRequest, type OpenTree, reportError } from "./request.ts";
import { isSessionThread, runSessionThread } from "./session-thread.ts";
import { DAEMON_ARGUMENT, type DaemonReport, REPORT } from "./spawn.ts";

/**
 * The one call of a mount's entry module (MountRequest.entry). In a session thread it serves the tree that `openTree`
 * opens; as the program of a process started by spawnDaemon it is the daemon.
 */
export async function serve(openTree: OpenTree): Promise<void> {
  if (isSessionThread()) return runSessionThread(openTree);
  if (isMainThread && process.argv[2] === DAEMON_ARGUMENT) return runDaemon();
  throw new Error("this module is for session threads and daemons of puzzlefs mount");
}

async function runDaemon(): Promise<void> {
  const request = {
    ...(JSON.parse(process.argv[3]) as MountRequest),
    entry: pathToFileURL(process.argv[1]),
  };
  process.title = `puzzlefs mount ${request.fsname ?? ""} ${request.mountpoint}`;
  let reported = false;
  const report = (outcome: DaemonReport): void => {
    if (reported) return;
    reported = true;
    tell(outcome);
  };
  try {
    const { log, stderr } = openLog(request);
    const { logFile: _, ...rest } = request;
    await mountForeground(rest, {
      log,
      onReady: () => {
        libc().dup2(stderr, 2);
        report({ mounted: true });
      },
    });
    log("info", `${request.mountpoint} unmounted`);
  } catch (error) {
    report({ error: reportError(error) });
    process.exitCode = 1;
  }
}

/** Where messages go, and what becomes of stderr once the parent has gone. */
function openLog(request: MountRequest): { log: Log; stderr: number } {
  if (request.logFile === undefined) return { log: systemLog(), stderr: openSync("/dev/null", "w") };
  const { log, descriptor } = fileLog(request.logFile);
  return { log, stderr: descriptor };
}

function tell(outcome: DaemonReport): void {
  try {
    writeSync(REPORT, JSON.stringify(outcome));
    closeSync(REPORT);
  } catch {
    // The parent has gone: it was interrupted. The mount stays.
  }
}
