import type { LogTarget } from "./log.ts";

/**
 * The role of a process behind a mount: `alone` serves it, `supervisor` starts processes that serve it and replaces those
 * that die, `supervised` is one of those.
 */
export type ServerRole = "alone" | "supervisor" | "supervised";

/** The settings of a process behind a mount, as JSON in its arguments. It inherits everything else as descriptors. */
export interface ServerOrder {
  role: ServerRole;
  /** Name of the mounted image, for the title of the process and for messages. */
  fsname: string;
  /** The path at which users see it, for the same. */
  shownAt: string;
  /** Owner shown for every inode instead of the tree's. */
  uid?: number | undefined;
  gid?: number | undefined;
  /** Log every request. */
  debug: boolean;
  log: LogTarget["kind"];
  /** RESOURCE_DESCRIPTOR is a mount at no path: it becomes the root directory before anything is served. */
  confined: boolean;
  /** Which of the optional descriptors it inherits. */
  hasResource: boolean;
  hasUnmounter: boolean;
  hasKept: boolean;
  hasRequests: boolean;
  /** The pid of the process that mounts an overlay over it. */
  overlayMounter?: number;
  /** Path of Node, for supervisors: without /proc, their process.execPath is not a path. */
  node: string;
  /** Whether the kernel's "user 0" is the machine's root: not so in a user namespace. */
  inInitialUserNamespace: boolean;
}
