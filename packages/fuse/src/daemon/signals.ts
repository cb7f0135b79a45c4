import { findMount } from "../mount/mountinfo.ts";
import { unmount } from "../mount/mount.ts";
import type { Log } from "./log.ts";

/** A mount as users see it. */
export interface VisibleMount {
  mountpoint: string;
  /** Where users see the tree if not at the mount point: a writable overlay there, with `fsname` as its device. */
  shownAt?: string;
  fsname?: string;
}

/**
 * The first signal detaches the mount: its path is free at once, files still open go on working, and the process ends
 * when the last is closed. The second signal ends the process there and then, after `kill`. Returns how to stop it.
 */
export function watchSignals(mount: VisibleMount, log: Log, kill: () => void = () => undefined): () => void {
  let signalled = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (signalled) {
      kill();
      process.exit(1);
    }
    signalled = true;
    log("info", `${signal}: unmounting`);
    void detach(mount, log);
  };
  const signals: NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, onSignal);
  return () => {
    for (const signal of signals) process.off(signal, onSignal);
  };
}

/** Unmounts lazily; what goes wrong is logged. */
export async function detach(mount: VisibleMount, log: Log): Promise<void> {
  try {
    await unmount(visiblePath(mount), { lazy: true });
  } catch (error) {
    log("error", error instanceof Error ? error.message : String(error));
  }
}

/** The overlay that covers the mount, once it is there; it holds the mount, which is at no path of its own any more. */
function visiblePath({ mountpoint, shownAt, fsname }: VisibleMount): string {
  const shown = shownAt === undefined ? undefined : findMount(shownAt);
  return shown?.type === "overlay" && shown.source === fsname ? shown.mountpoint : mountpoint;
}
