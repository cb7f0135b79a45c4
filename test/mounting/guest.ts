/** A machine with Debian's userland in which the whole program is installed, for tests. */
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
import { kernelTest, missingFor } from "../kernel/driver.ts";
import { programDisk } from "./program.ts";

/** The root directory with the mount(8) that Debian ships beside a kernel. */
function userland(kernel: KernelName): string {
  return join(cache, "trees/userland", kernel === "6.1" ? "bookworm" : "trixie", "root.ext4");
}

/** What a machine with this kernel lacks; empty if nothing. */
function missingForGuest(kernel: KernelName): string {
  return missingFor(kernel) || (existsSync(userland(kernel)) ? "" : `${userland(kernel)} (make setup-kernels)`);
}

/** Declares a serial test that reports itself skipped, by name, where a machine cannot be had. */
export function guestTest(kernel: KernelName, title: string, body: (t: ExecutionContext) => Promise<void>): void {
  const missing = missingForGuest(kernel);
  if (missing === "") kernelTest(kernel, title, body);
  else test.serial.skip(`${kernel}: ${title} (needs ${missing})`, () => undefined);
}

/**
 * Boots with the first disk on /store. The driver's module is where modprobe finds it, and is not loaded; there is a
 * system log, /run/syslog.
 */
export async function bootGuest(kernelName: KernelName, scratch: Scratch, options: MachineOptions): Promise<Guest> {
  const kernel = findKernel(kernelName);
  const machine = await Machine.boot(kernel, readFileSync(buildModule(kernel).path), {
    ...options,
    files: { ...luaProgram(), ...luaPrograms(), ...options.files },
    root: [programDisk(scratch), userland(kernelName)],
  });
  try {
    // What udev and an init system do.
    await machine.succeed("modprobe fuse; chmod 666 /dev/fuse && busybox syslogd -O /run/syslog");
    await machine.succeed("mkdir /store && mount -t ext4 /dev/vda /store");
  } catch (error) {
    machine.kill();
    throw error;
  }
  return new Guest(machine);
}

/** What the tests of a file have in their machine. */
export interface Material {
  /** Images of ext4; the first is on /store. */
  disks: readonly string[];
  /** What to run once it is up. */
  setUp?: string;
  /** Reports of the kernel that its tests provoke. */
  expected?: readonly RegExp[];
}

export type Prepared<M extends Material> = M & { guest: Guest };

/**
 * Gives a function that boots a machine with what `prepare` makes, when it is first called; the machine and the scratch
 * directory go when all tests of the file are over.
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

  /** Runs a command that must end with this status, and say this, to stderr or in the kernel's log. */
  async refused(t: ExecutionContext, command: string, expected: number, message: RegExp): Promise<void> {
    const { status, stdout, stderr, log } = await this.run(command);
    const said = `${command}\n${stdout}${stderr}${log}`.slice(0, 4000);
    t.is(status, expected, said);
    t.regex(`${stderr}${log}`, message, said);
  }

  /** Lines of what a command prints. */
  async lines(command: string): Promise<string[]> {
    return (await this.succeed(command)).split("\n").filter((line) => line !== "");
  }
}
