/**
 * System calls that Node lacks, and the one way in which the product opens names that another user may control:
 * directory.ts (a directory opened once, everything in it by descriptor) and named-path.ts (paths that the caller typed).
 */
export * from "./at-calls.ts";
export * from "./descriptors.ts";
export * from "./devices.ts";
export { Directory, NotRegularError } from "./directory.ts";
export { hasCode } from "./errors.ts";
export { escapeText, jsonText } from "./escape.ts";
export { FileStatus } from "./file-status.ts";
export { bind, bindAside, CALLS_ASIDE, check, errnos, koffi, SystemError, type NativeArgument } from "./library.ts";
export { openNamed } from "./named-path.ts";
export { descriptorPath, nulTerminated, printable, type Path } from "./paths.ts";
export { futimens, utimensat, type Timestamp } from "./times.ts";
export { enableFsVerityOf, measureFsVerityOf } from "./verity.ts";
export { lgetxattr, llistxattr, lremovexattr, lsetxattr } from "./xattrs.ts";
