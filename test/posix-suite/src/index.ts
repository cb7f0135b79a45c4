/**
 * Programs that look at a tree through system calls, written once: under Node for FUSE and for extracted trees, as Lua
 * in virtual machines for the kernel driver.
 */
export { type BackendName, featuresOf, type Lack, lacks } from "./backends.ts";
export type { Case, Feature, Subject } from "./case.ts";
export { dumpMounted, type DumpSettings } from "./dump.ts";
export type { Environment, Memory } from "./environment.ts";
export type { FixtureEntry } from "./fixture.ts";
export { modeOf } from "./modes.ts";
export { nodeEnvironment } from "./node/environment.ts";
export { makeOnDisk, nodeFixture } from "./node/make.ts";
export { applies, posixCases, runCases } from "./posix.ts";
export { System, SystemFailure } from "./system.ts";
