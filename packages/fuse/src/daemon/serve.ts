import { closeSync, openSync, writeSync } from "node:fs";
import { libc } from "../mount/libc.ts";
import type { MountableTree } from "../operations/mountable.ts";
import { mountForeground, type MountSettings } from "./foreground.ts";
import { fileLog, type Log, stderrLog, systemLog } from "./log.ts";
import { type DaemonReport, REPORT_DESCRIPTOR, reportError } from "./report.ts";

export interface DaemonSettings extends Omit<MountSettings, "log" | "onReady"> {
  /** Where messages go instead of the system log. */
  logFile?: string;
  /** Whoever started us stays: messages go to stderr. */
  attached?: boolean;
}

/**
 * The daemon's part of spawnDaemon: mounts, tells the parent, lets go of its terminal and working directory, and
 * serves until unmounted. Errors before that go to the parent, with exit code 1. The tree must not depend on the
 * working directory.
 */
export async function serve(
  openTree: () => MountableTree,
  mountpoint: string,
  settings: DaemonSettings = {},
): Promise<void> {
  process.title = `puzzlefs mount ${settings.fsname ?? ""} ${settings.shownAt ?? mountpoint}`;
  let reported = false;
  const report = (outcome: DaemonReport): void => {
    // A parent that was interrupted has no use for the mount.
    if (!reported && !tellParent(outcome)) process.kill(process.pid, "SIGTERM");
    reported = true;
  };
  let log: Log | undefined;
  try {
    const output = openLog(settings);
    log = output.log;
    const onReady = (): void => {
      process.chdir("/");
      libc().dup2(output.stderr, 2);
      report({ mounted: true });
    };
    await mountForeground(openTree, mountpoint, { ...settings, log, onReady });
    log("info", `${settings.shownAt ?? mountpoint} unmounted`);
  } catch (error) {
    if (reported) log?.("error", error instanceof Error ? error.message : String(error));
    report({ error: reportError(error) });
    process.exitCode = 1;
  }
}

/** Where messages go, and what becomes of stderr once the parent has gone. */
export function openLog({ logFile, attached }: DaemonSettings): { log: Log; stderr: number } {
  if (logFile === undefined && attached === true) return { log: stderrLog(), stderr: 2 };
  if (logFile === undefined) return { log: systemLog(), stderr: openSync("/dev/null", "w") };
  const { log, descriptor } = fileLog(logFile);
  return { log, stderr: descriptor };
}

/** False if the parent has gone. */
function tellParent(outcome: DaemonReport): boolean {
  try {
    writeSync(REPORT_DESCRIPTOR, JSON.stringify(outcome));
    closeSync(REPORT_DESCRIPTOR);
    return true;
  } catch {
    return false;
  }
}
