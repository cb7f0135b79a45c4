/** Tests are repeatable: random choices have the seed of the run, and waiting is for an event. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { root } from "../support/programs.ts";

const files = globSync(["packages/*/src/**/*{.test,fixture}.ts", "test/**/*.{ts,sh}"], {
  cwd: root,
  exclude: (name) => name === "node_modules" || name === "external",
});

/** Lines of tests that match, as FILE: LINE, without those of the files that may have them. */
function lines(pattern: RegExp, exceptions: Readonly<Record<string, string>>): { found: string[]; unused: string[] } {
  const unused = new Set(Object.keys(exceptions));
  const found = files.flatMap((file) => {
    const matching = readFileSync(join(root, file), "utf8")
      .split("\n")
      .filter((line) => pattern.test(line));
    if (matching.length > 0 && unused.delete(file)) return [];
    return matching.map((line) => `${file}: ${line.trim()}`);
  });
  return { found, unused: [...unused] };
}

const randomness = /Math\.random|\brandom(?:Bytes|Int|UUID)\b.*from "node:crypto"|from "fast-check"/;

test("random tests have their choices from the seed of the run", (t) => {
  t.true(files.length > 200);
  const exceptions = {
    "test/support/fast-check.ts": "sets fast-check's seed",
    "test/run.ts": "chooses the seed",
    "test/rules/chance.test.ts": "the pattern itself",
  };
  t.deepEqual(lines(randomness, exceptions), { found: [], unused: [] });
});

const waiting = /\bsetTimeout\b.*from "node:timers\/promises"|\bsetTimeout\(|Atomics\.wait\(|\bsleep [\d.]/;

test("tests wait for something to happen, not for time to pass", (t) => {
  const exceptions = {
    "test/support/patience.ts": "eventually(), by which the others wait",
    "packages/cli/src/interrupted-mount.test.ts": "kills at random moments",
    "test/fuse-memory/memory-mount.ts": "a server that stops for good",
    "test/fuse-memory/supervision.test.ts": "kills at random moments",
    "test/end-to-end/killed-builds.test.ts": "kills at moments in the time that a build took",
    "test/end-to-end/packed.test.ts": "kills at moments in the time that the command took",
    "test/archives/choice.test.ts": "kills at moments in the time that a conversion took",
    "test/security/container.test.ts": "ends what hangs",
    "test/soak/cycle.ts": "the kernel frees inodes a while after their mount, and reports it nowhere",
    "test/soak/ranges.test.ts": "takes samples of the daemon's memory",
    "test/kernel/hostile.test.ts": "the kernel frees memory a while later; the figure is asked for again",
    "test/kernel/machine.test.ts": "a command that lasts until the machine ends",
    "test/kernel/mounting.test.ts": "between attempts in a loop",
    "test/kernel/programs.test.ts": "between looks in a loop; a process that keeps a namespace",
    "test/mounting/mount-helper.test.ts": "between looks in a loop",
    "test/kernel-debug/faults.test.ts": "between attempts in a loop; a process that keeps a file open",
    "test/kernel-debug/debug-machine.ts": "kmemleak reports what is five seconds old",
    "test/kernel-debug/load.test.ts": "the rhythm of the load",
    "packages/cli/src/path-bytes.test.ts": "between looks in a loop of the shell",
  };
  t.deepEqual(lines(waiting, exceptions), { found: [], unused: [] });
});

test("signals go to one process that is there: a missing pid is not taken for 0 or -1, which mean many", (t) => {
  const pattern = /\bprocess[.]kill\([^,]*(?:\?\?|Number\()/;
  t.deepEqual(lines(pattern, {}), { found: [], unused: [] });
});
