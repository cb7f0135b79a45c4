/**
 * System calls that Node lacks, and the one way in which the product opens names that another user may control:
 * directory.ts (a directory opened once, everything in it by descriptor) and named-path.ts (paths that the caller typed).
 */
export { programArguments } from "./arguments.ts";
export * from "./at-calls.ts";
export { commandOfBytes } from "./child-arguments.ts";
export { isLeftOut, type Crossing } from "./crossing.ts";
export { Descent, type Level } from "./descent.ts";
export * from "./descriptors.ts";
export * from "./devices.ts";
export { Directory, NotRegularError, type MadeDirectory } from "./directory.ts";
export { bytesOf, textOf } from "./encoding.ts";
export * from "./errno.ts";
export { errorCode, hasCode, INTERNAL_ERROR, isSystemError, messageOf, MissingProcError, reasonOf } from "./errors.ts";
export { lockHolder } from "./locks.ts";
export { escapeText, jsonText } from "./escape.ts";
export { FileSystemContext, KernelRefusal } from "./file-system-context.ts";
export { FileStatus } from "./file-status.ts";
export * from "./file-system-types.ts";
export {
  bind,
  bindAside,
  CALLS_ASIDE,
  check,
  SystemError,
  watch,
  watchWritable,
  type NativeArgument,
} from "./library.ts";
export * from "./mounts.ts";
export { OpenEvents } from "./open-events.ts";
export * from "./open-flags.ts";
export { descriptorTarget, isNamed, openNamed, realPath } from "./named-path.ts";
export { realPathOf } from "./real-path.ts";
export {
  absolutePath,
  descriptorPath,
  escapeName,
  nulTerminated,
  printable,
  type Path,
  unescapeName,
} from "./paths.ts";
export {
  accept,
  connectAt,
  listenAt,
  type Packet,
  packetPair,
  PacketReceiver,
  peerUser,
  sendPacket,
} from "./packets.ts";
export * from "./privileges.ts";
export { createMemory, mapMemory } from "./shared-memory.ts";
export { InterruptedError, SignalWatch, type EndingSignal } from "./signals.ts";
export * from "./sockets.ts";
export { futimens, utimensat, type Timestamp } from "./times.ts";
export { unmountDescriptor, watchUnmount } from "./unmount-watch.ts";
export { enableFsVerityOf, measureFsVerityOf } from "./verity.ts";
export {
  fgetxattr,
  flistxattr,
  fremovexattr,
  fsetxattr,
  lgetxattr,
  lgetxattrAt,
  llistxattr,
  llistxattrAt,
  lremovexattr,
  lsetxattr,
  lsetxattrAt,
} from "./xattrs.ts";
