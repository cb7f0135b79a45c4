/**
 * Programs that look at a tree through system calls, written once: under Node for FUSE and for extracted trees, as Lua
 * in virtual machines for the kernel driver.
 */
export { dumpMounted, type DumpSettings } from "./dump.ts";
export type { Environment, Memory } from "./environment.ts";
export { nodeEnvironment } from "./node/environment.ts";
export { System, SystemFailure } from "./system.ts";
