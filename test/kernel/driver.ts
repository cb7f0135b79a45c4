/** The driver in a virtual machine, for tests. */
import { readFileSync } from "node:fs";
import {
  buildModule,
  findKernel,
  isKernelName,
  type KernelName,
  kernelNames,
  luaProgram,
  luaPrograms,
  Machine,
  type MachineOptions,
  mountCommand,
  Unavailable,
} from "@puzzlefs/qemu";
import test, { type ImplementationFn } from "ava";

const minutes = 60_000;
const chosen = (process.env["PUZZLEFS_KERNELS"] ?? "").split(",").filter((name) => isKernelName(name));

/** Kernels that everything is tested on: one, or those that PUZZLEFS_KERNELS names (`make test-kernels`). */
export const kernels: readonly KernelName[] = chosen.length > 0 ? chosen : ["6.12"];
/** Kernels that every kind of image is mounted on. */
export const mountingKernels: readonly KernelName[] = chosen.length > 0 ? chosen : ["6.1", "6.12", "7"];

/** What is missing to boot a kernel; empty if nothing. */
export function missingFor(kernel: KernelName): string {
  if (!kernelNames.includes(kernel)) return `a kernel ${kernel}`;
  try {
    findKernel(kernel);
    return "";
  } catch (error) {
    if (error instanceof Unavailable) return error.message;
    throw error;
  }
}

/** Declares a serial test that reports itself skipped, by name, where a machine cannot be had. */
export function kernelTest(kernel: KernelName, title: string, body: ImplementationFn<[]>): void {
  const missing = missingFor(kernel);
  if (missing !== "") test.serial.skip(`${kernel}: ${title} (needs ${missing})`, () => undefined);
  else {
    test.serial(`${kernel}: ${title}`, (t) => {
      // A machine says itself what took it too long, with its log.
      t.timeout(30 * minutes);
      return body(t);
    });
  }
}

/** Boots a kernel with the driver loaded, Lua, and the programs of test/posix-suite. */
export async function bootDriver(kernelName: KernelName, options: MachineOptions = {}): Promise<Machine> {
  const kernel = findKernel(kernelName);
  const module = readFileSync(buildModule(kernel).path);
  const files = { ...luaProgram(), ...luaPrograms(), ...options.files };
  const machine = await Machine.boot(kernel, module, { ...options, files });
  await machine.succeed("modprobe sha256_ssse3 2>/dev/null; insmod /puzzlefs.ko && ulimit -n 65536");
  if ((options.disks ?? []).length > 0) await machine.succeed("mkdir -p /store && mount -t ext4 /dev/vda /store");
  return machine;
}

/** Mounts an image of a layout on the store's disk; `at` is made. */
export async function mountImage(machine: Machine, layout: string, manifest: string, at: string, more?: string): Promise<void> {
  const options = more === undefined ? {} : { more };
  await machine.succeed(`mkdir -p ${at} && ${mountCommand({ store: `/store/${layout}`, manifest, at, ...options })}`);
}
