import { writeSync } from "node:fs";
import { Socket } from "node:net";
import { Device } from "../device.ts";
import { libc } from "../mount/libc.ts";
import { parseMountOptions } from "../mount/options.ts";
import type { MountableTree } from "../operations/mountable.ts";
import { Session } from "../session.ts";
import { sessionOptions } from "./foreground.ts";
import { type Log, stderrLog } from "./log.ts";
import { CONTROL_DESCRIPTOR, MEMORY_DESCRIPTOR, reportError, type ServerReport } from "./report.ts";
import { type DaemonSettings, openLog } from "./serve.ts";
import { SharedRequest } from "./shared-request.ts";
import { watchSignals } from "./signals.ts";
import { keepYoungGenerationSmall } from "./young-generation.ts";

/**
 * A server's part of a supervised mount: opens the tree, is given the device, and serves until the file system is
 * unmounted or it dies. A signal ends it, so that another takes over, unless its supervisor is dead: then it goes on
 * alone, and signals unmount. The settings are the daemon's.
 */
export async function serveSupervised(
  openTree: () => MountableTree,
  mountpoint: string,
  settings: DaemonSettings = {},
): Promise<void> {
  process.title = `puzzlefs serve ${settings.fsname ?? ""} ${settings.shownAt ?? mountpoint}`;
  const { log, stderr } = openLogAgain(settings);
  let tree: MountableTree;
  try {
    tree = openTree();
  } catch (error) {
    tell({ error: reportError(error) });
    process.exitCode = 1;
    return;
  }
  keepYoungGenerationSmall();
  tell({ opened: true });
  const device = libc().receiveDescriptor(CONTROL_DESCRIPTOR);
  // Otherwise the supervisor has died, or could not mount.
  if (device !== undefined) await serveDevice(device, tree, { ...settings, mountpoint }, log, stderr);
  tree.close();
}

/** The supervisor has opened the log once; should that fail now, its stderr, ours by inheritance, is still that log. */
function openLogAgain(settings: DaemonSettings): ReturnType<typeof openLog> {
  try {
    return openLog(settings);
  } catch {
    return { log: stderrLog(), stderr: 2 };
  }
}

async function serveDevice(
  device: number,
  tree: MountableTree,
  settings: DaemonSettings & { mountpoint: string },
  log: Log,
  stderr: number,
): Promise<void> {
  process.chdir("/");
  libc().dup2(stderr, 2);
  const options = sessionOptions(parseMountOptions(settings.options ?? []), settings.debug, log);
  const place = new SharedRequest(MEMORY_DESCRIPTOR);
  const session = new Session(new Device(device), tree, { ...options, place });
  session.ready.then(
    () => tell({ ready: true }),
    () => undefined,
  );
  const supervisor = new Socket({ fd: CONTROL_DESCRIPTOR, writable: false });
  supervisor.on("error", () => undefined);
  supervisor.once("close", () => {
    log("error", "the supervisor died; serving without");
    watchSignals(settings, log);
  });
  supervisor.resume().unref();
  session.start();
  try {
    await session.ended;
  } catch (error) {
    log("error", error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  } finally {
    supervisor.removeAllListeners("close").destroy();
  }
}

function tell(report: ServerReport): void {
  try {
    writeSync(CONTROL_DESCRIPTOR, `${JSON.stringify(report)}\n`);
  } catch {
    // Nobody listens any more, as the next call finds out.
  }
}
