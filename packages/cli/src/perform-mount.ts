import { InitPipe, type StartedMount, stderrLog, unmount, watchSignals } from "@puzzlefs/fuse";
import { type Driver, type FuseMount, mountImage, type ServerRequest, startServer } from "@puzzlefs/mount";
import { MountInterruptedError, UsageError } from "./errors.ts";
import { warning } from "./terminal/messages.ts";

/** The settings of `puzzlefs mount` and mount.puzzlefs. */
export interface MountSettings extends ServerRequest {
  initPipe?: string;
}

/**
 * Mounts. Resolves to the driver once the mount is usable; in the foreground once it is unmounted. The outcome has been
 * written to the init pipe by then, if there is one.
 */
export async function performMount(order: MountSettings): Promise<Driver> {
  const { foreground, initPipe, mountpoint } = order;
  if (foreground && order.driver === "kernel") {
    throw new UsageError("the kernel driver has no process that could stay in the foreground: use -f with FUSE only");
  }
  if (order.supervise === true && order.driver === "kernel") {
    throw new UsageError("the kernel driver has no process to supervise: use --supervise with FUSE only");
  }
  if (order.shared === true && (foreground || order.driver === "kernel")) {
    throw new UsageError(
      foreground
        ? "a shared server stays in the background: --shared or -f, not both"
        : "the kernel driver has no process to share: use --shared with FUSE only",
    );
  }
  const pipe = initPipe === undefined ? undefined : new InitPipe(initPipe);
  const notify = async (outcome: "s" | "f", ending: boolean): Promise<void> => {
    await pipe?.notify(outcome, stderrLog(), ending);
  };
  let started: StartedMount | undefined;
  const startFuse = async (mount: FuseMount): Promise<void> => {
    started = await startServer(order, mount);
  };
  // A signal unmounts; while mounting, as soon as the mount exists. The second signal ends this process at once.
  let isInterrupted = false;
  let onSignal = (): Promise<void> => {
    isInterrupted = true;
    return Promise.resolve();
  };
  const log = foreground ? stderrLog() : (): void => undefined;
  let stopWatching = watchSignals(
    () => onSignal(),
    log,
    () => started?.kill(),
  );
  try {
    let driver: Driver;
    try {
      driver = await mountImage(foreground ? { ...order, driver: "fuse" } : order, startFuse, warning);
      if (isInterrupted) {
        await unmount(mountpoint, { lazy: true });
        throw new MountInterruptedError(`${mountpoint}: interrupted, not mounted`);
      }
    } catch (error) {
      await notify("f", true);
      throw error;
    }
    if (started === undefined || !foreground) {
      started?.release();
      await notify("s", true);
      // The mount is complete: a signal must not change the exit code of this process, or end the server.
      started = undefined;
      stopWatching = () => undefined;
      return driver;
    }
    onSignal = () => unmount(mountpoint, { lazy: true });
    void notify("s", false);
    const how = await started.attend();
    if (how !== undefined) throw new Error(`the process that served the mount died: ${how}`);
    return driver;
  } finally {
    stopWatching();
  }
}
