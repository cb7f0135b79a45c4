/** kernel/selftests in a virtual machine, as the kernel's own test runner would run it. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { bootDriver, kernels, kernelTest } from "./driver.ts";

const directory = join(import.meta.dirname, "../../kernel/selftests");

/** All files of kernel/selftests, in the guest's /selftests. */
const files = Object.fromEntries(
  readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((path) => statSync(join(directory, path)).isFile())
    .map((path) => [`/selftests/${path}`, readFileSync(join(directory, path))]),
);

for (const kernel of kernels) {
  kernelTest(kernel, "every test of the kernel selftest passes", async (t) => {
    const machine = await bootDriver(kernel, { files });
    t.teardown(() => machine.kill());
    const { status, stdout, stderr } = await machine.run("sh /selftests/puzzlefs.sh");
    const plan = Number(/^1\.\.(\d+)$/m.exec(stdout)?.[1]);
    t.true(plan > 5);
    t.deepEqual([status, stdout.match(/^ok /gm)?.length, stdout.match(/^not ok /gm)], [0, plan, null], stdout + stderr);
    t.is((await machine.run("rmmod puzzlefs; sh /selftests/puzzlefs.sh")).status, 4, "without the module it is skipped");
    await machine.close();
  });
}
