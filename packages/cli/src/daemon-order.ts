import { Layout } from "@puzzlefs/oci";
import { openImage, type ImageTree } from "@puzzlefs/reader";
import type { DaemonSettings } from "@puzzlefs/fuse";
import type { FuseMount, MountRequest } from "@puzzlefs/mount";

/** What `puzzlefs mount` and mount.puzzlefs have been asked for. Paths are absolute. */
export interface MountOrder extends MountRequest {
  foreground: boolean;
  /** Log every request. */
  debug: boolean;
  initPipe?: string;
  logFile?: string;
}

/** What a mount's daemon is told on its command line, as JSON. */
export interface DaemonOrder extends MountOrder, FuseMount {}

export function openOrdered({ ociDir, reference, verify, digest }: MountOrder): ImageTree {
  const layout = Layout.open(ociDir);
  layout.hold();
  return openImage(layout, reference, { verify, ...(digest !== undefined && { verity: digest }) });
}

export function settingsOf(order: DaemonOrder): DaemonSettings {
  return {
    options: order.options,
    fsname: order.source,
    debug: order.debug,
    attached: order.foreground,
    ...(order.shownAt !== undefined && { shownAt: order.shownAt }),
    ...(order.logFile !== undefined && { logFile: order.logFile }),
  };
}
