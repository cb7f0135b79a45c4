import { fileURLToPath } from "node:url";
import { Layout } from "@puzzlefs/oci";
import { openImageAt, type ImageTree } from "@puzzlefs/reader";
import { type DaemonSettings, parseMountOptions } from "@puzzlefs/fuse";
import type { FuseMount, MountRequest } from "@puzzlefs/mount";

/** What `puzzlefs mount` and mount.puzzlefs have been asked for. Paths are absolute. */
export interface MountOrder extends MountRequest {
  foreground: boolean;
  /** Log every request. */
  debug: boolean;
  /** Another process takes over when the one that serves dies. */
  supervise?: boolean;
  initPipe?: string;
  logFile?: string;
}

/** What a mount's daemon is told on its command line, as JSON. */
export interface DaemonOrder extends MountOrder, FuseMount {}

export function openOrdered({ ociDir, reference, options, verify, digest }: MountOrder): ImageTree {
  const { cache } = parseMountOptions(options);
  return openImageAt(ociDir, reference, {
    verify,
    ...(digest !== undefined && { verity: digest }),
    ...(cache !== undefined && { frameCacheBytes: cache }),
  });
}

export function settingsOf(order: DaemonOrder): DaemonSettings {
  return {
    options: order.options,
    fsname: order.source,
    debug: order.debug,
    attached: order.foreground,
    ...(order.shownAt !== undefined && { shownAt: order.shownAt }),
    ...(order.logFile !== undefined && { logFile: order.logFile }),
    ...(order.supervise === true && { supervise: () => [...daemonArguments(pinned(order)), SERVER] }),
  };
}

/** Tells the daemon's program to be one of the processes that serve, under supervision. */
export const SERVER = "server";

/** Arguments of Node that start the daemon's program. */
export function daemonArguments(order: DaemonOrder): string[] {
  return [daemonProgram(), JSON.stringify(order)];
}

/** For the same image always, whatever becomes of its tag: what was inode 7 for one process is that for the next. */
function pinned(order: DaemonOrder): DaemonOrder {
  using layout = Layout.open(order.ociDir);
  return { ...order, reference: layout.manifest(order.reference).digest };
}

/** Beside us, both as a source and in the bundle. */
function daemonProgram(): string {
  const here = import.meta.url;
  return fileURLToPath(new URL(here.endsWith(".ts") ? "./daemon.ts" : "./daemon.js", here));
}
