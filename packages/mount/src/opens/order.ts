import type { LogTarget } from "@puzzlefs/fuse";
import type { FetchOrder } from "@puzzlefs/lazy";
import type { ServedImage } from "../server-program.ts";

/** The arguments of the processes behind a lazy mount of the driver. They inherit everything else as descriptors. */
export interface OpensOrder {
  role: "listener" | "helper";
  image: ServedImage & { lazy: FetchOrder };
  /** The mount point as users see it, for messages. */
  shownAt: string;
  log: LogTarget["kind"];
  /** RESOURCE_DESCRIPTOR is a mount at no path, which becomes the root directory. */
  confined: boolean;
  /** Path of Node. */
  node: string;
}

/** Of the listener: the group of permission events. */
export const EVENTS_DESCRIPTOR = 12;
/** Of the listener: readable when the file system has ended. */
export const UNMOUNT_DESCRIPTOR = 13;
/** Of the helper: the socket to the listener. */
export const CHANNEL_DESCRIPTOR = 12;
