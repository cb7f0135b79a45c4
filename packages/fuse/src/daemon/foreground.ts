import { Device } from "../device.ts";
import { checkMountpoint, mount, unmount } from "../mount/mount.ts";
import { type MountOptions, parseMountOptions } from "../mount/options.ts";
import { findMount } from "../mount/mountinfo.ts";
import { raiseReadAhead } from "../mount/readahead.ts";
import type { MountableTree } from "../operations/mountable.ts";
import { Session } from "../session.ts";
import { notifyInitPipe } from "./init-pipe.ts";
import { type Log, stderrLog } from "./log.ts";

export interface MountSettings {
  /** Mount options as after -o. */
  options?: readonly string[];
  /** Default of the option fsname=, shown as the device in /proc/mounts. */
  fsname?: string;
  /** Instead of stderr. */
  log?: Log;
  /** Log every request. */
  debug?: boolean;
  /** A fifo that gets "s" once mounted, "f" if that fails. */
  initPipe?: string;
  /** Called once the mount is usable. */
  onReady?: () => void;
  /** Where users see the tree if not at the mount point: a writable overlay there, with `fsname` as its device. */
  shownAt?: string;
}

/**
 * Opens a tree, mounts it, and resolves when it is unmounted, by whomever. Requests are answered between the events of
 * this process's event loop, so the calling thread must not use the mount itself. SIGINT, SIGTERM and SIGHUP unmount.
 * Rejects with MountError, or with what `openTree` throws.
 */
export async function mountForeground(
  openTree: () => MountableTree,
  mountpoint: string,
  settings: MountSettings = {},
): Promise<void> {
  const log = settings.log ?? stderrLog();
  let mounted: Mounted;
  try {
    mounted = await establish(openTree, mountpoint, settings, log);
  } catch (error) {
    if (settings.initPipe !== undefined) await notifyInitPipe(settings.initPipe, "f", log, true);
    throw error;
  }
  const detach = (): Promise<void> => abandon(visibleMount(mounted.mountpoint, settings), log);
  const stopWatching = watchSignals(detach, log);
  settings.onReady?.();
  if (settings.initPipe !== undefined) void notifyInitPipe(settings.initPipe, "s", log, false);
  try {
    await mounted.session.ended;
  } catch (error) {
    await detach();
    throw error;
  } finally {
    stopWatching();
    mounted.tree.close();
  }
}

interface Mounted {
  tree: MountableTree;
  mountpoint: string;
  session: Session;
}

/** Whatever can fail cheaply comes first, and the tree before the mount: a broken image never gets mounted. */
async function establish(
  openTree: () => MountableTree,
  path: string,
  settings: MountSettings,
  log: Log,
): Promise<Mounted> {
  const options = parseMountOptions(settings.options ?? [], settings.fsname);
  const mountpoint = checkMountpoint(path);
  const tree = openTree();
  try {
    const session = new Session(new Device(mount(mountpoint, options)), tree, sessionOptions(options, settings, log));
    session.start();
    await session.ready;
    raiseReadAhead(mountpoint, options.readAhead);
    return { tree, mountpoint, session };
  } catch (error) {
    tree.close();
    throw error;
  }
}

function sessionOptions(options: MountOptions, settings: MountSettings, log: Log) {
  const owner = { uid: options.uid, gid: options.gid };
  return settings.debug === true ? { owner, log, trace: (line: string) => log("debug", line) } : { owner, log };
}

/**
 * The first signal detaches the mount: its path is free at once, files still open go on working, and the process ends
 * when the last is closed. The second signal ends the process there and then.
 */
function watchSignals(detach: () => Promise<void>, log: Log): () => void {
  let signalled = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (signalled) process.exit(1);
    signalled = true;
    log("info", `${signal}: unmounting`);
    void detach();
  };
  const signals: NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, onSignal);
  return () => {
    for (const signal of signals) process.off(signal, onSignal);
  };
}

/** The overlay that covers the mount, once it is there; it holds the mount, which is at no path of its own any more. */
function visibleMount(mountpoint: string, { shownAt, fsname }: MountSettings): string {
  const shown = shownAt === undefined ? undefined : findMount(shownAt);
  return shown?.type === "overlay" && shown.source === fsname ? shown.mountpoint : mountpoint;
}

async function abandon(mountpoint: string, log: Log): Promise<void> {
  try {
    await unmount(mountpoint, { lazy: true });
  } catch (error) {
    log("error", error instanceof Error ? error.message : String(error));
  }
}
