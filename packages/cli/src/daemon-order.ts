import { Layout } from "@puzzlefs/oci";
import { openImage, type ImageTree } from "@puzzlefs/reader";
import type { DaemonSettings } from "@puzzlefs/fuse";

/** What a mount's daemon is told on its command line, as JSON. Paths are absolute. */
export interface DaemonOrder {
  ociDir: string;
  reference: string;
  mountpoint: string;
  options: string[];
  verify: "none" | "blob";
  initPipe?: string;
  logFile?: string;
}

export function openOrdered(order: DaemonOrder): ImageTree {
  return openImage(Layout.open(order.ociDir), order.reference, { verify: order.verify });
}

export function settingsOf(order: DaemonOrder): DaemonSettings {
  return {
    options: order.options,
    fsname: `${order.ociDir}:${order.reference}`,
    ...(order.initPipe !== undefined && { initPipe: order.initPipe }),
    ...(order.logFile !== undefined && { logFile: order.logFile }),
  };
}
