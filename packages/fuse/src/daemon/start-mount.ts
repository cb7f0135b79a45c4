import { closeSync, constants } from "node:fs";
import {
  cloneReadOnly,
  close,
  hasCode,
  inInitialNamespace,
  MOUNT_ATTR_NOEXEC,
  openNamed,
  socketpair,
} from "@puzzlefs/linux";
import { MountError } from "../mount/errors.ts";
import { mount, unmount } from "../mount/mount.ts";
import { findMount } from "../mount/mountinfo.ts";
import { checkMountpoint } from "../mount/mountpoint.ts";
import { type MountOptions, parseMountOptions } from "../mount/options.ts";
import { raiseReadAhead } from "../mount/readahead.ts";
import { openLog } from "./log.ts";
import {
  FUSERMOUNT_DESCRIPTOR,
  KEPT_DESCRIPTOR,
  LOG_DESCRIPTOR,
  REQUEST_DESCRIPTOR,
  RESOURCE_DESCRIPTOR,
  UNMOUNTER_DESCRIPTOR,
} from "./report.ts";
import { buildRuntime, nodeFile } from "./runtime.ts";
import type { ServerOrder } from "./server-order.ts";
import { ServerProcess } from "./server-process.ts";
import { mayStartUnmounter, startUnmounter } from "./unmounter.ts";

export interface MountSettings {
  /** Mount options as after -o. */
  options?: readonly string[];
  /** Default of the option fsname=, shown as the device in /proc/mounts. */
  fsname?: string;
  /** The path at which users will see the tree, if another: a writable overlay's. */
  shownAt?: string;
  /** The log file, instead of the system log. */
  logFile?: string;
  /** Log every request. */
  debug?: boolean;
  /** The calling process stays until the mount ends: messages go to stderr. */
  attached?: boolean;
  /** Start a supervisor, which replaces the process that serves when it dies. */
  supervised?: boolean;
  /** The descriptor from which the program opens the tree, inherited as RESOURCE_DESCRIPTOR. */
  resource?: {
    descriptor: number;
    /** The program reads only from it: if possible, a read-only mount of it becomes the root directory. */
    isStore: boolean;
  };
  /** A descriptor that the processes behind the mount keep open: a lock, which goes with the last of them. */
  kept?: number;
  /** A socket that the processes behind the mount inherit as REQUEST_DESCRIPTOR. Closed by this call. */
  requests?: number;
  /** Node's arguments that start the program, which calls serve() with the order. */
  argv: (order: ServerOrder) => readonly string[];
  /** Files and directories that the program consists of, beside Node and its libraries; absolute and real paths. */
  program: readonly string[];
  /** Directories of it that an upgrade empties. */
  replaced?: readonly string[];
}

/** A mount that is usable, and the process behind it. */
export interface StartedMount {
  pid: number;
  /** Settles when that process has ended: why it died, undefined if the file system was unmounted. */
  ended: Promise<string | undefined>;
  kill(signal?: NodeJS.Signals): void;
  /**
   * Stops waiting for the process, once the mount is complete: it goes on serving, and unmounts at a signal.
   */
  release(): void;
  /** The same, but waits for its end. */
  attend(): Promise<string | undefined>;
  /** Unmounts and waits for the end of the process, unless it was released. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Mounts a tree that another process serves, and resolves once the mount is usable. Mounting needs privileges, which the
 * other process never has. It opens the tree first: a broken image is never mounted.
 *
 * Rejects with MountError, or with DaemonError: the server's own error, or how it died.
 */
export async function startMount(path: string, settings: MountSettings): Promise<StartedMount> {
  using inherited = new DisposableStack();
  const { requests } = settings;
  if (requests !== undefined) inherited.defer(() => closeSync(requests));
  const options = parseMountOptions(settings.options ?? [], settings.fsname);
  using mountpoint = checkMountpoint(path);
  const log = openLog(settings.logFile, settings.attached === true);
  const [unmounter, forServer] = socketpair();
  const isRoot = process.geteuid?.() === 0;
  if (isRoot && options.autoUnmount && !mayStartUnmounter()) {
    throw new MountError(
      "auto_unmount: not in the pid namespace of a container or without /proc, where no process may unmount for a daemon",
    );
  }
  const fusermount = options.autoUnmount && !isRoot ? socketpair() : undefined;
  const runtime = buildRuntime(settings.program, settings.supervised === true ? settings.replaced : []);
  const nothing = openNamed("/dev/null", constants.O_RDWR);
  const store = settings.resource?.isStore === true ? detached(settings.resource.descriptor) : undefined;
  const order = orderOf(settings, settings.shownAt ?? mountpoint.path, options, {
    log: log.kind,
    confined: store !== undefined,
  });
  const descriptors = new Map([
    [0, nothing],
    [1, nothing],
    [2, nothing],
    [LOG_DESCRIPTOR, log.descriptor],
    ...(order.hasUnmounter ? [[UNMOUNTER_DESCRIPTOR, forServer] as const] : []),
    ...(settings.resource === undefined ? [] : [[RESOURCE_DESCRIPTOR, store ?? settings.resource.descriptor] as const]),
    ...(settings.kept === undefined ? [] : [[KEPT_DESCRIPTOR, settings.kept] as const]),
    ...(requests === undefined ? [] : [[REQUEST_DESCRIPTOR, requests] as const]),
    ...(fusermount === undefined ? [] : [[FUSERMOUNT_DESCRIPTOR, fusermount[0]] as const]),
  ]);
  const server = new ServerProcess({ root: runtime, node: nodeFile(), argv: settings.argv(order), descriptors });
  closeSync(forServer);
  inherited.dispose();
  if (log.kind !== "stderr") close(log.descriptor);
  for (const given of [nothing, runtime, store]) if (given !== undefined) close(given);
  let mounted = false;
  try {
    await server.opened;
    const device = mount(mountpoint, options, fusermount);
    mounted = true;
    server.sendDevice(device);
    closeSync(device);
    await server.ready;
    raiseReadAhead(mountpoint.path, options.readAhead);
  } catch (error) {
    server.kill();
    closeSync(unmounter);
    if (mounted) await unmount(mountpoint.path, { lazy: true });
    throw error;
  }
  let released = false;
  const release = (): void => {
    released = true;
    if (order.hasUnmounter)
      startUnmounter(settings.shownAt ?? mountpoint.path, unmounter, isRoot && options.autoUnmount);
    closeSync(unmounter);
  };
  return {
    pid: server.pid,
    ended: server.ended,
    kill: (signal) => server.kill(signal),
    release() {
      release();
      server.release();
    },
    attend() {
      release();
      return server.ended;
    },
    async [Symbol.asyncDispose]() {
      if (released) return;
      released = true;
      closeSync(unmounter);
      if (findMount(mountpoint.path) !== undefined) await unmount(mountpoint.path, { lazy: true });
      await server.ended;
    },
  };
}

function orderOf(
  settings: MountSettings,
  shownAt: string,
  options: MountOptions,
  more: Pick<ServerOrder, "log" | "confined">,
): ServerOrder {
  return {
    role: settings.supervised === true ? "supervisor" : "alone",
    fsname: options.fsname,
    shownAt,
    uid: options.uid,
    gid: options.gid,
    debug: settings.debug === true,
    hasResource: settings.resource !== undefined,
    hasUnmounter: mayStartUnmounter(),
    hasKept: settings.kept !== undefined,
    hasRequests: settings.requests !== undefined,
    node: nodeFile(),
    inInitialUserNamespace: inInitialNamespace("user"),
    ...(settings.shownAt !== undefined && { overlayMounter: process.pid }),
    ...more,
  };
}

/** A read-only mount, at no path, of an opened directory. Undefined where that is not permitted, or not possible. */
export function detached(directory: number): number | undefined {
  try {
    return cloneReadOnly(directory, MOUNT_ATTR_NOEXEC);
  } catch (error) {
    if (hasCode(error, "EPERM", "ENOSYS", "EINVAL")) return undefined;
    throw error;
  }
}
