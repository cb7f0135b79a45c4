/** A machine with the debug kernel: fault injection and leak detection. */
import { readFileSync } from "node:fs";
import { buildModule, findKernel, luaProgram, luaPrograms, Machine, type MachineOptions } from "@puzzlefs/qemu";
import test, { type ImplementationFn } from "ava";
import { missingFor } from "../kernel/driver.ts";

/** Sets fault injection up: off until requested, also for allocations that may wait for memory, and not logged. */
const setUpFaults = [
  "cd /sys/kernel/debug",
  "for kind in failslab fail_page_alloc fail_usercopy; do echo 0 >$kind/probability; echo 0 >$kind/verbose; done",
  "echo N >failslab/ignore-gfp-wait; echo N >failslab/cache-filter",
  "echo N >fail_page_alloc/ignore-gfp-wait; echo N >fail_page_alloc/ignore-gfp-highmem; echo 0 >fail_page_alloc/min-order",
].join("\n");

/** Declares a test of `make debug-kernel`. @param minutes its timeout */
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

/** Boots and loads the driver; leaks of the boot are cleared first. */
export async function bootDebugMachine(options: MachineOptions): Promise<Machine> {
  const kernel = findKernel("debug");
  const module = readFileSync(buildModule(kernel).path);
  const files = { ...luaProgram(), ...luaPrograms(), ...options.files };
  const machine = await Machine.boot(kernel, module, { bootTimeout: 300_000, ...options, files });
  await machine.succeed(setUpFaults);
  await machine.succeed("echo scan >/sys/kernel/debug/kmemleak; echo clear >/sys/kernel/debug/kmemleak");
  await machine.succeed("insmod /puzzlefs.ko");
  return machine;
}

/**
 * Unloads the driver and returns the report of kmemleak, which is empty if there is no leak. Two scans are needed, as the
 * first does not report objects that have just changed.
 */
export async function unloadAndFindLeaks(machine: Machine): Promise<string> {
  await machine.succeed("rmmod puzzlefs");
  const scan = "echo scan >/sys/kernel/debug/kmemleak; sleep 6";
  return machine.succeed(`${scan}; ${scan}; cat /sys/kernel/debug/kmemleak`, { timeout: 600_000 });
}
