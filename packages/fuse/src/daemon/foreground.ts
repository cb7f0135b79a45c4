import { Device } from "../device.ts";
import { checkMountpoint, mount } from "../mount/mount.ts";
import { type MountOptions, parseMountOptions } from "../mount/options.ts";
import { raiseReadAhead } from "../mount/readahead.ts";
import type { MountableTree } from "../operations/mountable.ts";
import { Session, type SessionOptions } from "../session.ts";
import { notifyInitPipe } from "./init-pipe.ts";
import { type Log, stderrLog } from "./log.ts";
import { detach, watchSignals } from "./signals.ts";
import { CrashLoopError, Supervisor } from "./supervisor.ts";
import { keepYoungGenerationSmall } from "./young-generation.ts";

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
  /**
   * Have other processes serve the mount, one after the other, so that it survives the death of any. Called once,
   * before anything is mounted, for the arguments of Node that start such a process: a program that calls
   * serveSupervised(), and opens the same tree every time.
   */
  supervise?: () => readonly string[];
}

/**
 * Opens a tree, mounts it, and resolves when it is unmounted, by whomever. Unless supervised, requests are answered
 * between the events of this process's event loop, so the calling thread must not use the mount itself. SIGINT, SIGTERM
 * and SIGHUP unmount. Rejects with MountError, with what `openTree` throws, or, supervised, with DaemonError and CrashLoopError.
 */
export async function mountForeground(
  openTree: () => MountableTree,
  path: string,
  settings: MountSettings = {},
): Promise<void> {
  const log = settings.log ?? stderrLog();
  let mounted: Mounted;
  try {
    const options = parseMountOptions(settings.options ?? [], settings.fsname);
    const mountpoint = checkMountpoint(path);
    const { supervise } = settings;
    mounted =
      supervise === undefined
        ? await serveHere(openTree, mountpoint, options, sessionOptions(options, settings.debug, log))
        : await serveElsewhere(supervise(), mountpoint, options, log);
    raiseReadAhead(mountpoint, options.readAhead);
  } catch (error) {
    if (settings.initPipe !== undefined) await notifyInitPipe(settings.initPipe, "f", log, true);
    throw error;
  }
  const visible = { ...settings, mountpoint: mounted.mountpoint };
  const stopWatching = watchSignals(visible, log, mounted.kill);
  settings.onReady?.();
  if (settings.initPipe !== undefined) void notifyInitPipe(settings.initPipe, "s", log, false);
  try {
    await mounted.ended;
  } catch (error) {
    // A dead mount tells its users more than an empty directory would.
    if (!(error instanceof CrashLoopError)) await detach(visible, log);
    throw error;
  } finally {
    stopWatching();
  }
}

interface Mounted {
  mountpoint: string;
  /** Settles when it is unmounted and its last user gone. */
  ended: Promise<void>;
  /** Ends other processes that serve it. */
  kill?: () => void;
}

/** Whatever can fail cheaply comes first, and the tree before the mount: a broken image never gets mounted. */
async function serveHere(
  openTree: () => MountableTree,
  mountpoint: string,
  options: MountOptions,
  forSession: SessionOptions,
): Promise<Mounted> {
  const tree = openTree();
  keepYoungGenerationSmall();
  try {
    const session = new Session(new Device(mount(mountpoint, options)), tree, forSession);
    session.start();
    await session.ready;
    return { mountpoint, ended: session.ended.finally(() => tree.close()) };
  } catch (error) {
    tree.close();
    throw error;
  }
}

async function serveElsewhere(
  argv: readonly string[],
  mountpoint: string,
  options: MountOptions,
  log: Log,
): Promise<Mounted> {
  const supervisor = new Supervisor(argv, log);
  const kill = (): void => supervisor.kill();
  try {
    await supervisor.opened;
    const device = mount(mountpoint, options);
    await supervisor.begin(device);
    return { mountpoint, ended: supervisor.watch(device), kill };
  } catch (error) {
    kill();
    throw error;
  }
}

export function sessionOptions(options: MountOptions, debug: boolean | undefined, log: Log): SessionOptions {
  const owner = { uid: options.uid, gid: options.gid };
  return debug === true ? { owner, log, trace: (line: string) => log("debug", line) } : { owner, log };
}
