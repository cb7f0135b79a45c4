/** Virtual machines for the driver: kernels, its module for each, and a machine that runs commands. */
export { luaProgram } from "./build-guest.ts";
export { luaPrograms } from "./lua.ts";
export { entriesBelow, ext4Image } from "./disk.ts";
export type { GuestFiles } from "./initramfs.ts";
export { findReports, KernelFailure } from "./kernel-log.ts";
export {
  cacheDirectory,
  findKernel,
  isKernelName,
  type Kernel,
  type KernelName,
  kernelNames,
  Unavailable,
} from "./kernels.ts";
export {
  CommandFailure,
  type Disk,
  Machine,
  type MachineOptions,
  type Outcome,
  type RunOptions,
  type SharedDirectory,
} from "./machine.ts";
export { buildModule, ModuleBuildError, runInToolchain } from "./module.ts";
export { manifestOf, mountCommand, type MountOptions, type StoreDisk, storeDisk } from "./store.ts";
