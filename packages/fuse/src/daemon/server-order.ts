import type { LogTarget } from "./log.ts";

/**
 * What a process behind a mount is to do: `alone` serves it, `supervisor` has others serve it and replaces those that
 * die, `supervised` is one of those.
 */
export type ServerRole = "alone" | "supervisor" | "supervised";

/** Instructions for a process behind a mount, as JSON in its arguments. All else it inherits as descriptors. */
export interface ServerOrder {
  role: ServerRole;
  /** For its title: what is mounted, and where users see it. */
  fsname: string;
  shownAt: string;
  /** Owner shown for every inode instead of the tree's. */
  uid?: number | undefined;
  gid?: number | undefined;
  /** Log every request. */
  debug: boolean;
  log: LogTarget["kind"];
  /** RESOURCE_DESCRIPTOR is a mount at no path: it becomes the root directory before anything is served. */
  confined: boolean;
  /** Descriptors that there are. */
  hasResource: boolean;
  hasUnmounter: boolean;
  hasKept: boolean;
  /** The pid of the process that mounts an overlay over it. */
  overlayMounter?: number;
  /** Path of Node, for supervisors, whose own process.execPath is none where there is no /proc. */
  node: string;
  /** Whether the kernel's "user 0" is the machine's root: not so in a user namespace. */
  inInitialUserNamespace: boolean;
}
