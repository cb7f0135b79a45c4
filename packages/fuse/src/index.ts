/**
 * FUSE: a Tree on a mount point. The layers, bottom up: wire/ (the kernel's structs as bytes), operations/ (requests
 * answered from a Tree), device.ts and session.ts (the loop over /dev/fuse), mount/ (getting and ending a mount),
 * daemon/ (processes, signals, logs), shared/ (one process for many mounts).
 */
export type { MountableTree } from "./operations/mountable.ts";
export type { Negotiated } from "./operations/negotiation.ts";
export { Device, type Channel } from "./device.ts";
export { Session, type SessionOptions } from "./session.ts";
export { MountError, MountOptionError } from "./mount/errors.ts";
export { mount, unmount, type UnmountOptions } from "./mount/mount.ts";
export { checkMountpoint, type Mountpoint } from "./mount/mountpoint.ts";
export { findMount, isOurs, listMounts, mountOf, parseMountInfo, type MountEntry } from "./mount/mountinfo.ts";
export { setLabels } from "./mount/labels.ts";
export { nameAndValue, splitOptions } from "./mount/option-list.ts";
export { effectOf, isLabel } from "./mount/option-table.ts";
export { parseMountOptions, type MountOptions } from "./mount/options.ts";
export { InitPipe } from "./daemon/init-pipe.ts";
export { confine } from "./daemon/confine.ts";
export { type LogTarget, logTo, openLog, openSystemLog, stderrLog } from "./daemon/log.ts";
export type { Log, LogLevel } from "./daemon/log-level.ts";
export {
  DaemonError,
  LOG_DESCRIPTOR,
  report,
  reportError,
  REQUEST_DESCRIPTOR,
  RESOURCE_DESCRIPTOR,
} from "./daemon/report.ts";
export { buildRuntime, nodeFile } from "./daemon/runtime.ts";
export { serve, type ServerProgram } from "./daemon/serve.ts";
export type { ServerOrder } from "./daemon/server-order.ts";
export { ServerProcess } from "./daemon/server-process.ts";
export { watchSignals } from "./daemon/signals.ts";
export { detached, startMount, type MountSettings, type StartedMount } from "./daemon/start-mount.ts";
export type { OpenedTree } from "./shared/opened-tree.ts";
export { serveShared, type SharedOrder, type SharedProgram } from "./shared/serve-shared.ts";
export { mayShare, type SharedMountSettings, startSharedMount } from "./shared/start-shared.ts";
