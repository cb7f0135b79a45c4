/** A command that dies by a signal has not committed, and one that has committed returns. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import test from "ava";

/** Runs work that gets a signal, and then ends as `end` does. */
function run(signal: string, end: string): { status: number | null; signal: string | null; text: string } {
  const program = `
    const { interruptible } = await import(${JSON.stringify(join(import.meta.dirname, "interruption.ts"))});
    const result = await interruptible(async (check) => {
      process.kill(process.pid, "${signal}");
      ${end}
    });
    console.log(result);`;
  const child = spawnSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
  return { status: child.status, signal: child.signal, text: child.stdout + child.stderr };
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  test(`${signal}: work that is undone ends the process by it, work that is done does not`, (t) => {
    const undone = "for (;;) check();";
    t.deepEqual(run(signal, undone), { status: null, signal, text: "" });
    const { status, text } = run(signal, 'return "done";');
    t.is(status, 0);
    t.regex(text, new RegExp(`^done\\npuzzlefs: warning: ${signal} came too late: the work is done\\n$`));
  });
}
