/** The driver is clean under the programs with which the authors of the three kernels check their sources. */
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

/** A test that is skipped, by a title that says why, where something that it needs is not there. */
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
    `kernel ${name}: compiles with W=1, and sparse has nothing to say`,
    () => findSparse(findKernel(name)),
    () => judge(name, ["W=1"], compile(findKernel(name))),
  );
}

// `make test` asks the newest scripts; `make check-kernel` all of them, and Coccinelle's 75 rules.
const thorough = process.env["PUZZLEFS_CHECKS"] === "all";

for (const name of thorough ? kernels : kernels.slice(-1)) {
  check(
    `kernel ${name}: checkpatch --strict`,
    () => scriptsOf(name),
    async () => judge(name, ["checkpatch"], await checkStyle(name, copySources("style"))),
  );
}

check("doc comments are as kernel-doc reads them", findKernelDoc, async () =>
  judge("6.12", ["kernel-doc"], await checkComments(copySources("style"))),
);

for (const name of thorough ? kernels : []) {
  check(
    `kernel ${name}: Coccinelle's rules`,
    () => findCoccinelle(name),
    async (t) => {
      const { findings, rules } = await matchRules(name, copySources("rules"));
      t.log(`${rules.length} rules`);
      return judge(name, rules, findings);
    },
  );
}
