import { type Daemon, fileLog, mountForeground, notifyInitPipe, spawnDaemon, stderrLog } from "@puzzlefs/fuse";
import { type Driver, type FuseMount, mountImage } from "@puzzlefs/mount";
import { daemonArguments, type DaemonOrder, type MountOrder, openOrdered, settingsOf } from "./daemon-order.ts";
import { UsageError } from "./errors.ts";

/**
 * Mounts. Resolves once the mount is usable, with what mounted it; in the foreground once it is unmounted. The init
 * pipe, if there is one, has been told by then.
 */
export async function performMount(order: MountOrder): Promise<Driver> {
  if (order.foreground && order.driver === "kernel") {
    throw new UsageError("nothing of the kernel driver can stay in the foreground: -f is for FUSE");
  }
  // The overlay is mounted over what the daemon serves, so the daemon must be another process than we are.
  const covered = order.writable || order.persist !== undefined;
  if (order.foreground && !covered) return serveHere(order);
  let daemon: Daemon | undefined;
  const startFuse = async (mount: FuseMount): Promise<void> => {
    const text: DaemonOrder = { ...order, ...mount };
    daemon = await spawnDaemon(daemonArguments(text), order.foreground);
  };
  const request = order.foreground ? { ...order, driver: "fuse" as const } : order;
  const driver = await reportingTo(order.initPipe, () => mountImage(request, startFuse));
  if (order.foreground && daemon !== undefined) await untilEnd(daemon);
  return driver;
}

async function serveHere(order: MountOrder): Promise<Driver> {
  const log = order.logFile === undefined ? stderrLog() : fileLog(order.logFile).log;
  const { initPipe } = order;
  const settings = { ...settingsOf(order), log, ...(initPipe !== undefined && { initPipe }) };
  await mountForeground(() => openOrdered(order), order.mountpoint, settings);
  return "fuse";
}

async function reportingTo<T>(initPipe: string | undefined, action: () => Promise<T>): Promise<T> {
  if (initPipe === undefined) return action();
  try {
    const result = await action();
    await notifyInitPipe(initPipe, "s", stderrLog(), true);
    return result;
  } catch (error) {
    await notifyInitPipe(initPipe, "f", stderrLog(), true);
    throw error;
  }
}

/** Waits for a daemon in the foreground, which takes the signals that would end us. */
async function untilEnd(daemon: Daemon): Promise<void> {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => process.kill(daemon.pid, signal));
  }
  const code = await daemon.ended;
  if (code !== 0) throw new Error(`the process that served the mount ended with exit code ${code}`);
}
