/** Machines with Debian's userland and the installed program, for tests. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  buildModule,
  findKernel,
  type KernelName,
  luaProgram,
  luaPrograms,
  Machine,
  type MachineOptions,
  type Outcome,
} from "@puzzlefs/qemu";
import test, { type ExecutionContext } from "ava";
import { cache } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { isThorough, kernelTest, missingFor } from "../kernel/driver.ts";
import { programDisk } from "./program.ts";

/** What serves the mounts in machines. FUSE is tried on this machine's kernel first of all, by other tests. */
export const guestDrivers: readonly ("fuse" | "kernel")[] = isThorough ? ["fuse", "kernel"] : ["kernel"];

/** The root directory with the mount(8) of the Debian release of a kernel. */
function userland(kernel: KernelName): string {
  return join(cache, "trees/userland", kernel === "6.1" ? "bookworm" : "trixie", "root.ext4");
}

/** The reason that a machine with this kernel cannot be booted; empty if it can. */
function missingForGuest(kernel: KernelName): string {
  return missingFor(kernel) || (existsSync(userland(kernel)) ? "" : `${userland(kernel)} (make setup-kernels)`);
}

/** Declares a serial test, which is skipped with the reason in its title if the machine cannot be booted. */
export function guestTest(kernel: KernelName, title: string, body: (t: ExecutionContext) => Promise<void>): void {
  const missing = missingForGuest(kernel);
  if (missing === "") kernelTest(kernel, title, body);
  else test.serial.skip(`${kernel}: ${title} (needs ${missing})`, () => undefined);
}

/**
 * Boots with the first disk on /store. The driver is installed for modprobe, but not loaded. The system log is
 * /run/syslog.
 */
export async function bootGuest(kernelName: KernelName, scratch: Scratch, options: MachineOptions): Promise<Guest> {
  const kernel = findKernel(kernelName);
  const machine = await Machine.boot(kernel, readFileSync(buildModule(kernel).path), {
    ...options,
    files: { ...luaProgram(), ...luaPrograms(), ...options.files },
    root: [programDisk(scratch), userland(kernelName)],
  });
  try {
    // As udev and an init system do.
    await machine.succeed("modprobe fuse; chmod 666 /dev/fuse && busybox syslogd -O /run/syslog");
    await machine.succeed("mkdir /store && mount -t ext4 /dev/vda /store");
  } catch (error) {
    machine.kill();
    throw error;
  }
  return new Guest(machine);
}

/** Content of the machine for the tests of a file. */
export interface Material {
  /** Images of ext4; the first is on /store. */
  disks: readonly string[];
  /** Command to run after boot. */
  setUp?: string;
  /** Reports of the kernel that its tests provoke. */
  expected?: readonly RegExp[];
}

export type Prepared<M extends Material> = M & { guest: Guest };

/**
 * Returns a function whose first call boots a machine with the result of `prepare`. The machine and the scratch directory
 * are removed after all tests of the file.
 */
export function guestWith<M extends Material>(
  kernel: KernelName,
  prepare: (scratch: Scratch) => M,
): () => Promise<Prepared<M>> {
  const scratch = new Scratch();
  let guest: Guest | undefined;
  let prepared: Promise<Prepared<M>> | undefined;
  const boot = async (): Promise<Prepared<M>> => {
    const material = prepare(scratch);
    const { setUp, expected = [] } = material;
    guest = await bootGuest(kernel, scratch, { disks: material.disks.map((image) => ({ image })), expected });
    if (setUp !== undefined) await guest.succeed(setUp);
    return { ...material, guest };
  };
  test.after.always(() => {
    guest?.machine.kill();
    scratch.remove();
  });
  return () => (prepared ??= boot());
}

export class Guest {
  readonly machine: Machine;

  constructor(machine: Machine) {
    this.machine = machine;
  }

  run(command: string): Promise<Outcome> {
    return this.machine.run(command);
  }

  succeed(command: string): Promise<string> {
    return this.machine.succeed(command);
  }

  /** Runs a command that must exit with this status and print this message to stderr or the kernel log. */
  async refused(t: ExecutionContext, command: string, expected: number, message: RegExp): Promise<void> {
    const { status, stdout, stderr, log } = await this.run(command);
    const output = `${command}\n${stdout}${stderr}${log}`.slice(0, 4000);
    t.is(status, expected, output);
    t.regex(`${stderr}${log}`, message, output);
  }

  /** Lines of the output of a command. */
  async lines(command: string): Promise<string[]> {
    return (await this.succeed(command)).split("\n").filter((line) => line !== "");
  }
}
