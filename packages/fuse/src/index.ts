/**
 * FUSE: a Tree on a mount point. The layers, bottom up: wire/ (the kernel's structs as bytes), operations/ (requests
 * answered from a Tree), session.ts (the loop over /dev/fuse), mount/ (getting and ending a mount), daemon/ (threads,
 * processes, signals, logs).
 */
export type { MountableTree } from "./operations/mountable.ts";
export type { Negotiated } from "./operations/negotiation.ts";
export { Session, type SessionOptions } from "./session.ts";
export { MountError, MountOptionError } from "./mount/errors.ts";
export { checkMountpoint, mount, unmount, type UnmountOptions } from "./mount/mount.ts";
export { findMount, listMounts, type MountEntry } from "./mount/mountinfo.ts";
export { parseMountOptions, type MountOptions } from "./mount/options.ts";
export { mountForeground, type ForegroundOptions } from "./daemon/foreground.ts";
export { notifyInitPipe } from "./daemon/init-pipe.ts";
export type { Log, LogLevel } from "./daemon/log.ts";
export { DaemonError, type MountRequest, type OpenTree } from "./daemon/request.ts";
export { serve } from "./daemon/serve.ts";
export { spawnDaemon } from "./daemon/spawn.ts";
