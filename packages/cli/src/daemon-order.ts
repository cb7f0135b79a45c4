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
  /** Log every request. */
  debug: boolean;
  /** Hex fs-verity digest that the manifest must have. */
  digest?: string;
  initPipe?: string;
  logFile?: string;
}

export function openOrdered(order: DaemonOrder): ImageTree {
  const verity = order.digest === undefined ? {} : { verity: order.digest };
  return openImage(Layout.open(order.ociDir), order.reference, { verify: order.verify, ...verity });
}

export function settingsOf(order: DaemonOrder): DaemonSettings {
  return {
    options: order.options,
    fsname: `${order.ociDir}:${order.reference}`,
    debug: order.debug,
    ...(order.initPipe !== undefined && { initPipe: order.initPipe }),
    ...(order.logFile !== undefined && { logFile: order.logFile }),
  };
}
