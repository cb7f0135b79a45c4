import { closeSync, constants } from "node:fs";
import { dirname, basename } from "node:path";
import { close, Directory, FileStatus, inInitialNamespace, openNamed, packetPair, socketpair } from "@puzzlefs/linux";
import { openLog } from "../daemon/log.ts";
import { DaemonError } from "../daemon/report.ts";
import { LISTENER_DESCRIPTOR, LOG_DESCRIPTOR, RESOURCE_DESCRIPTOR, UNMOUNTER_DESCRIPTOR } from "../daemon/report.ts";
import { buildRuntime, nodeFile } from "../daemon/runtime.ts";
import { spawnServer } from "../daemon/server-process.ts";
import { detached, type StartedMount } from "../daemon/start-mount.ts";
import { connectToSystemLog } from "../daemon/system-log.ts";
import { mayStartUnmounter, startSharedUnmounter } from "../daemon/unmounter.ts";
import { mount, unmount } from "../mount/mount.ts";
import { findMount } from "../mount/mountinfo.ts";
import { checkMountpoint, type Mountpoint } from "../mount/mountpoint.ts";
import { type MountOptions, parseMountOptions } from "../mount/options.ts";
import { raiseReadAhead } from "../mount/readahead.ts";
import { MountClient } from "./mount-client.ts";
import type { MountOrder } from "./protocol.ts";
import { joinServer, socketDirectory, socketName } from "./rendezvous.ts";
import type { SharedOrder } from "./serve-shared.ts";

/** Servers that end while this command connects, until it starts none any more. */
const MOST_ATTEMPTS = 5;

export interface SharedMountSettings {
  /** Mount options as after -o; not auto_unmount. */
  options?: readonly string[];
  fsname: string;
  /** The path at which users will see the tree, if another: a writable overlay's. */
  shownAt?: string;
  /** The log file, instead of the system log. */
  logFile?: string;
  debug?: boolean;
  /** The store: a descriptor of its directory, its path for messages. */
  store: { descriptor: number; path: string };
  /** A lock, which goes with the last of the processes behind the mount. */
  kept?: number;
  /** What the program opens the tree by; JSON. */
  image: unknown;
  /** What distinguishes programs: mounts by different ones share no server. */
  version: string;
  /** Node's arguments that start the program, which calls serveShared() with the order. */
  argv: (order: SharedOrder) => readonly string[];
  /** Files and directories that the program consists of; absolute and real paths. */
  program: readonly string[];
  /** Directories of it that an upgrade empties. */
  replaced: readonly string[];
}

/** Whether mounts with these options can share a server. */
export function mayShare(options: readonly string[]): boolean {
  // Its mount is ended by the end of all processes behind it.
  return !parseMountOptions(options).autoUnmount;
}

/**
 * Mounts a tree by the server that mounts of this store share, which is started if there is none. Undefined where there can be
 * none, as in a container: use startMount() then. Otherwise as startMount().
 */
export async function startSharedMount(path: string, settings: SharedMountSettings): Promise<StartedMount | undefined> {
  const options = parseMountOptions(settings.options ?? [], settings.fsname);
  using mountpoint = checkMountpoint(path);
  using directory = socketDirectory();
  const name =
    directory === undefined ? undefined : socketName([settings.version, identity(settings.store.descriptor)]);
  if (directory === undefined || name === undefined) return undefined;
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const joined = await joinServer(directory, name);
    if (joined === undefined) return undefined;
    const connection = "connection" in joined ? joined.connection : startServer(settings, joined.listener);
    const client = new MountClient(connection);
    const log = settings.logFile === undefined ? undefined : openLog(settings.logFile, false).descriptor;
    try {
      const descriptors = [log, settings.kept].filter((descriptor) => descriptor !== undefined);
      // It ended before it had the order: its last mount was unmounted.
      if (!(await client.open(orderOf(settings, mountpoint, options), descriptors))) continue;
      return await complete(client, mountpoint, options, settings.shownAt ?? mountpoint.path);
    } finally {
      if (log !== undefined) close(log);
      if (!client.isReady) client.close();
    }
  }
  throw new DaemonError({
    name: "Error",
    message: `${path}: every shared server ends at once: mount without --shared`,
  });
}

/** Mounts what the server has opened. */
async function complete(
  client: MountClient,
  mountpoint: Mountpoint,
  options: MountOptions,
  shownAt: string,
): Promise<StartedMount> {
  const device = mount(mountpoint, options);
  try {
    await client.serve(device);
    raiseReadAhead(mountpoint.path, options.readAhead);
  } catch (error) {
    await unmount(mountpoint.path, { lazy: true });
    throw error;
  } finally {
    closeSync(device);
  }
  const finish = (): void => {
    const shown = deviceAt(shownAt);
    if (shown !== undefined) client.complete(shown);
    client.close();
  };
  return {
    pid: 0,
    ended: client.ended,
    kill: () => client.close(),
    release: finish,
    attend() {
      finish();
      return client.ended;
    },
    async [Symbol.asyncDispose]() {
      if (client.isClosed) return;
      client.close();
      if (findMount(mountpoint.path) !== undefined) await unmount(mountpoint.path, { lazy: true });
    },
  };
}

/** Starts the supervisor of a server, and returns the connection to it. */
function startServer(settings: SharedMountSettings, listener: number): number {
  const [ours, theirs] = packetPair();
  const [unmounter, forServer] = socketpair();
  const hasUnmounter = mayStartUnmounter();
  const nothing = openNamed("/dev/null", constants.O_RDWR);
  const log = connectToSystemLog();
  const runtime = buildRuntime(settings.program, settings.replaced);
  const store = detached(settings.store.descriptor);
  const opened = [listener, theirs, unmounter, forServer, nothing, log, runtime, store];
  try {
    const order: SharedOrder = {
      role: "supervisor",
      title: settings.store.path,
      confined: store !== undefined,
      hasUnmounter,
      node: nodeFile(),
    };
    const descriptors = new Map([
      [0, nothing],
      [1, nothing],
      [2, nothing],
      [LOG_DESCRIPTOR, log],
      ...(hasUnmounter ? [[UNMOUNTER_DESCRIPTOR, forServer] as const] : []),
      [RESOURCE_DESCRIPTOR, store ?? settings.store.descriptor],
      [LISTENER_DESCRIPTOR, listener],
    ]);
    const argv = settings.argv(order);
    const child = spawnServer({ root: runtime, node: order.node, argv, descriptors }, theirs);
    child.on("error", () => undefined);
    child.unref();
    if (hasUnmounter) startSharedUnmounter(unmounter);
  } finally {
    for (const descriptor of opened) if (descriptor !== undefined) close(descriptor);
  }
  return ours;
}

function orderOf(settings: SharedMountSettings, mountpoint: Mountpoint, options: MountOptions): MountOrder {
  return {
    fsname: options.fsname,
    shownAt: settings.shownAt ?? mountpoint.path,
    uid: options.uid,
    gid: options.gid,
    debug: settings.debug === true,
    hasLog: settings.logFile !== undefined,
    hasKept: settings.kept !== undefined,
    inInitialUserNamespace: inInitialNamespace("user"),
    ...(settings.shownAt !== undefined && { overlayMounter: process.pid }),
    image: settings.image,
  };
}

/** Of a directory that is open, as the server's is: no other has the same numbers. */
function identity(directory: number): string {
  const status = new FileStatus();
  status.readDescriptor(directory);
  return `${status.deviceNumbers.join(":")} ${status.inode}`;
}

/** The device number of what is mounted at `path`, "MAJOR:MINOR"; undefined if it is not found there any more. Sends no request to it. */
function deviceAt(path: string): string | undefined {
  const status = new FileStatus();
  try {
    using parent = Directory.open(dirname(path));
    return status.readMountAt(parent.descriptor, basename(path)) ? status.deviceNumbers.join(":") : undefined;
  } catch {
    return undefined;
  }
}
