/** The source checkers of three kernels report nothing about the driver. */
import { findKernel, type KernelName, Unavailable } from "@puzzlefs/qemu";
import test, { type ExecutionContext } from "ava";
import {
  checkComments,
  checkStyle,
  compile,
  copySources,
  findCoccinelle,
  findKernelDoc,
  findSparse,
  judge,
  matchRules,
  scriptsOf,
} from "./checkers.ts";

const kernels: readonly KernelName[] = ["6.1", "6.12", "7"];

/** Declares a test, which is skipped with the reason in its title if a program that it needs is missing. */
function check(title: string, needs: () => void, body: (t: ExecutionContext) => Promise<string[]> | string[]): void {
  try {
    needs();
    test.serial(title, async (t) => {
      const lines = await body(t);
      t.log(...lines);
      t.is(lines.length, 0);
    });
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    test.serial.skip(`${title} (${error.message})`, () => {});
  }
}

for (const name of kernels) {
  check(
    `kernel ${name}: W=1 and sparse report nothing`,
    () => findSparse(findKernel(name)),
    () => judge(name, ["W=1"], compile(findKernel(name))),
  );
}

// `make test` runs the newest scripts; `make check-kernel` those of all kernels, and Coccinelle's 75 rules.
const thorough = process.env["PUZZLEFS_CHECKS"] === "all";

for (const name of thorough ? kernels : kernels.slice(-1)) {
  check(
    `kernel ${name}: checkpatch --strict reports nothing`,
    () => scriptsOf(name),
    async () => judge(name, ["checkpatch"], await checkStyle(name, copySources("style"))),
  );
}

check("kernel-doc reports nothing", findKernelDoc, async () =>
  judge("6.12", ["kernel-doc"], await checkComments(copySources("style"))),
);

for (const name of thorough ? kernels : []) {
  check(
    `kernel ${name}: Coccinelle's rules report nothing`,
    () => findCoccinelle(name),
    async (t) => {
      const { findings, rules } = await matchRules(name, copySources("rules"));
      t.log(`${rules.length} rules`);
      return judge(name, rules, findings);
    },
  );
}
