/** Signals to `puzzlefs mount` while it starts: what it began is taken away again, or complete. */
import { spawn, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually, Random, running } from "@puzzlefs/testing";
import { mountTest, unmountLeftover, withImage } from "./mount-fixture.ts";
import { program, type TestDirectory } from "./program-fixture.ts";

const STARTS = 12;
/** The last moment of a signal, in times that a start takes. */
const LAST = 1.2;

const temporaries = (): string[] => readdirSync("/run").filter((name) => name.startsWith("puzzlefs-"));

/** Command lines and mounts that name the test directory. */
function traces(directory: TestDirectory): string[] {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  const name = `${directory.root}/`;
  return [...running(name).map(({ commandLine }) => commandLine), ...mounts.filter((line) => line.includes(name))];
}

mountTest("an interrupted mount command leaves a complete mount or none", async (t) => {
  using directory = await withImage(t);
  const random = new Random();
  const outcomes = { mounted: 0, not: 0 };
  try {
    const begun = performance.now();
    t.is((await directory.run("mount", "--driver", "fuse", "store:v1", "mnt")).code, 0);
    const duration = performance.now() - begun;
    t.is((await directory.run("umount", "mnt")).code, 0);
    for (let start = 0; start < STARTS; start++) {
      const options = [[], ["-w"], ["--supervise"]][start % 3];
      const argv = [program, "mount", "--driver", "fuse", ...options, "store:v1", "mnt"];
      const child = spawn(process.execPath, argv, { cwd: directory.root, stdio: "ignore" });
      const ended = new Promise<string>((settle) =>
        child.once("exit", (code, signal) => settle(signal ?? String(code))),
      );
      await sleep(random.below(duration * LAST));
      child.kill(random.pick(["SIGINT", "SIGTERM", "SIGHUP"] as const));
      const how = await ended;
      const isThere = spawnSync("cat", [directory.path("mnt/file")], { encoding: "utf8" }).stdout === "content\n";
      t.is(isThere, how === "0", `${argv.join(" ")}: ended with ${how}`);
      outcomes[isThere ? "mounted" : "not"]++;
      if (isThere) t.is((await directory.run("umount", "mnt")).code, 0);
      await eventually(() => traces(directory).length === 0);
      t.deepEqual(traces(directory), [], `${argv.join(" ")}: ended with ${how}`);
    }
    t.log(JSON.stringify(outcomes));
    // Those of other tests vanish meanwhile.
    let left = temporaries();
    await eventually(() => {
      const present = new Set(temporaries());
      left = left.filter((name) => present.has(name));
      return left.length === 0;
    });
    t.deepEqual(left, []);
  } finally {
    unmountLeftover(directory);
  }
});
