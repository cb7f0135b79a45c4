/**
 * FUSE: a Tree on a mount point. The layers, bottom up: wire/ (the kernel's structs as bytes), operations/ (requests
 * answered from a Tree), device.ts and session.ts (the loop over /dev/fuse), mount/ (getting and ending a mount),
 * daemon/ (processes, signals, logs).
 */
export type { MountableTree } from "./operations/mountable.ts";
export type { Negotiated } from "./operations/negotiation.ts";
export { Device, type Channel } from "./device.ts";
export { Session, type SessionOptions } from "./session.ts";
export { MountError, MountOptionError } from "./mount/errors.ts";
export { checkMountpoint, mount, unmount, type UnmountOptions } from "./mount/mount.ts";
export { findMount, listMounts, type MountEntry } from "./mount/mountinfo.ts";
export { parseMountOptions, type MountOptions } from "./mount/options.ts";
export { mountForeground, type MountSettings } from "./daemon/foreground.ts";
export { notifyInitPipe } from "./daemon/init-pipe.ts";
export { fileLog, stderrLog, systemLog, type Log, type LogLevel } from "./daemon/log.ts";
export { DaemonError } from "./daemon/report.ts";
export { serveSupervised } from "./daemon/serve-supervised.ts";
export { serve, type DaemonSettings } from "./daemon/serve.ts";
export { spawnDaemon, type Daemon } from "./daemon/spawn.ts";
