/** Virtual machines with the driver, for tests. */
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
  type StoreDisk,
  Unavailable,
} from "@puzzlefs/qemu";
import test, { type ImplementationFn } from "ava";

const minutes = 60_000;
const chosen = (process.env["PUZZLEFS_KERNELS"] ?? "").split(",").filter((name) => isKernelName(name));

/** Emulated, reading much and starting our program take long: some tests run in machines only where kernels were asked for (`make test-kernels`). */
export const isThorough = chosen.length > 0;
/** Random hostile images that the driver is tried with. */
export const hostileImages = Number(process.env["PUZZLEFS_HOSTILE"] ?? (isThorough ? 2000 : 1000));
/** Kernels for all tests: one, or those that PUZZLEFS_KERNELS names (`make test-kernels`). */
export const kernels: readonly KernelName[] = chosen.length > 0 ? chosen : ["6.12"];
/** Kernels for the tests that mount every kind of image. */
export const mountingKernels: readonly KernelName[] = chosen.length > 0 ? chosen : ["6.1", "6.12", "7"];

/** The reason that a kernel cannot be booted; empty if it can. */
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

/** Declares a serial test, which is skipped with the reason in its title if the kernel cannot be booted. */
export function kernelTest(kernel: KernelName, title: string, body: ImplementationFn<[]>): void {
  const missing = missingFor(kernel);
  if (missing !== "") test.serial.skip(`${kernel}: ${title} (needs ${missing})`, () => undefined);
  else {
    test.serial(`${kernel}: ${title}`, (t) => {
      // Longer than the timeouts of a machine, whose errors contain the kernel log.
      t.timeout(30 * minutes);
      return body(t);
    });
  }
}

/** Declares a test that boots a machine with an unchanged disk, and unloads the driver at its end. `body` may leave an image on /mnt. */
export function machineTest(
  kernel: KernelName,
  title: string,
  disk: StoreDisk,
  body: (machine: Machine) => Promise<void>,
): void {
  kernelTest(kernel, title, async (t) => {
    const machine = await bootDriver(kernel, { disks: [disk] });
    t.teardown(() => machine.kill());
    await body(machine);
    await machine.succeed("cd /; umount /mnt 2>/dev/null; umount /store && rmmod puzzlefs");
    await machine.close();
    t.pass();
  });
}

/** For bodies of machineTest. */
export function expectEqual(actual: unknown, expected: unknown, what: string): void {
  if (actual !== expected) throw new Error(`${what}: ${String(actual)}, should be ${String(expected)}`);
}

/** Boots a kernel with Lua and the programs of test/posix-suite, and loads the driver. */
export async function bootDriver(kernelName: KernelName, options: MachineOptions = {}): Promise<Machine> {
  const kernel = findKernel(kernelName);
  const module = readFileSync(buildModule(kernel).path);
  const files = { ...luaProgram(), ...luaPrograms(), ...options.files };
  const machine = await Machine.boot(kernel, module, { ...options, files });
  await machine.succeed("modprobe sha256_ssse3 2>/dev/null; insmod /puzzlefs.ko && ulimit -n 65536");
  if ((options.disks ?? []).length > 0) await machine.succeed("mkdir -p /store && mount -t ext4 /dev/vda /store");
  return machine;
}

/** Mounts an image of a layout on the store's disk on `at`, which is created. */
export async function mountImage(machine: Machine, layout: string, manifest: string, at: string, more?: string): Promise<void> {
  const options = more === undefined ? {} : { more };
  await machine.succeed(`mkdir -p ${at} && ${mountCommand({ store: `/store/${layout}`, manifest, at, ...options })}`);
}
