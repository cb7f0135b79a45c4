import { libc } from "../mount/libc.ts";
import { checkMountpoint, unmount } from "../mount/mount.ts";
import { parseMountOptions } from "../mount/options.ts";
import { raiseReadAhead } from "../mount/readahead.ts";
import { type Connection, connect } from "./connection.ts";
import { notifyInitPipe } from "./init-pipe.ts";
import { fileLog, type Log, stderrLog } from "./log.ts";
import type { MountRequest } from "./request.ts";

export interface ForegroundOptions {
  /** Called once the mount is usable. */
  onReady?: (connection: Connection) => void;
  /** Unmount on SIGINT, SIGTERM and SIGHUP; true unless given. */
  signals?: boolean;
  /** Instead of stderr; a log file in the request comes first. */
  log?: Log;
}

/**
 * Mounts, and resolves when the file system is unmounted, by whomever. This thread only keeps watch (signals, log);
 * requests are answered by session threads. Rejects with MountError, or DaemonError for the tree's own errors.
 */
export async function mountForeground(request: MountRequest, options: ForegroundOptions = {}): Promise<void> {
  const log = request.logFile === undefined ? (options.log ?? stderrLog()) : fileLog(request.logFile).log;
  let connection: Connection;
  try {
    const mountOptions = parseMountOptions(request.options ?? [], request.fsname);
    const mountpoint = checkMountpoint(request.mountpoint);
    connection = await connect(request, mountpoint, mountOptions, log);
    raiseReadAhead(mountpoint, mountOptions.readAhead);
  } catch (error) {
    if (request.initPipe !== undefined) await notifyInitPipe(request.initPipe, "f", log);
    throw error;
  }
  const stopWatching = options.signals === false ? () => undefined : watchSignals(connection.mountpoint, log);
  options.onReady?.(connection);
  if (request.initPipe !== undefined) void notifyInitPipe(request.initPipe, "s", log);
  try {
    await connection.ended;
  } catch (error) {
    // Without its session the mount would never answer again.
    abandon(connection.mountpoint, log);
    throw error;
  } finally {
    stopWatching();
  }
}

/**
 * The first signal detaches the mount: its path is free at once, files still open go on working, and the process ends
 * when the last is closed. The second signal ends the process there and then.
 */
function watchSignals(mountpoint: string, log: Log): () => void {
  let signalled = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    // An ordinary exit would wait for the session thread, which may be blocked in a read.
    if (signalled) libc().exit(1);
    signalled = true;
    log("info", `${signal}: unmounting ${mountpoint}`);
    abandon(mountpoint, log);
  };
  const signals: NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, onSignal);
  return () => {
    for (const signal of signals) process.off(signal, onSignal);
  };
}

function abandon(mountpoint: string, log: Log): void {
  try {
    unmount(mountpoint, { lazy: true });
  } catch (error) {
    log("error", error instanceof Error ? error.message : String(error));
  }
}
