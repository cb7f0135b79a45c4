/** A machine with the debug kernel: what it takes to fail on demand, and to find what was not freed. */
import { readFileSync } from "node:fs";
import { buildModule, findKernel, luaProgram, luaPrograms, Machine, type MachineOptions } from "@puzzlefs/qemu";
import test, { type ImplementationFn } from "ava";
import { missingFor } from "../kernel/driver.ts";

/** Failures come to the calls that ask for them, wherever an allocation could wait for memory; they are not logged. */
const failures = [
  "cd /sys/kernel/debug",
  "for kind in failslab fail_page_alloc fail_usercopy; do echo 0 >$kind/probability; echo 0 >$kind/verbose; done",
  "echo N >failslab/ignore-gfp-wait; echo N >failslab/cache-filter",
  "echo N >fail_page_alloc/ignore-gfp-wait; echo N >fail_page_alloc/ignore-gfp-highmem; echo 0 >fail_page_alloc/min-order",
].join("\n");

/** Declares a test that takes long: `make debug-kernel` asks for it. @param minutes that it may take */
export function debugTest(title: string, minutes: number, body: ImplementationFn<[]>): void {
  const lacks = missingFor("debug");
  if (lacks !== "") test.skip(`debug kernel: ${title} (needs ${lacks})`, () => {});
  else {
    test.serial(`debug kernel: ${title}`, (t) => {
      t.timeout(minutes * 60_000);
      return body(t);
    });
  }
}

/** Boots, loads the driver, and forgets what the boot leaked. */
export async function bootDebugMachine(options: MachineOptions): Promise<Machine> {
  const kernel = findKernel("debug");
  const module = readFileSync(buildModule(kernel).path);
  const files = { ...luaProgram(), ...luaPrograms(), ...options.files };
  const machine = await Machine.boot(kernel, module, { bootTimeout: 300_000, ...options, files });
  await machine.succeed(failures);
  await machine.succeed("echo scan >/sys/kernel/debug/kmemleak; echo clear >/sys/kernel/debug/kmemleak");
  await machine.succeed("insmod /puzzlefs.ko");
  return machine;
}

/**
 * Unloads the driver and asks kmemleak for what nobody points at any more. It takes two scans: what has just changed is
 * not reported by the first. Gives the report, which is empty when all is well.
 */
export async function unloadAndFindLeaks(machine: Machine): Promise<string> {
  await machine.succeed("rmmod puzzlefs");
  const scan = "echo scan >/sys/kernel/debug/kmemleak; sleep 6";
  return machine.succeed(`${scan}; ${scan}; cat /sys/kernel/debug/kmemleak`, { timeout: 600_000 });
}
