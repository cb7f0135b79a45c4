/** Signals to `puzzlefs mount` while it starts: what it began is taken away again, or complete. */
import { spawn, spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { mountTest, tidy, withImage } from "./mount-fixture.ts";
import { program, type Workplace } from "./program-fixture.ts";

/** Longer than a start takes, milliseconds. */
const LONGEST = 700;
const STARTS = 12;
const seed = Number(process.env["PUZZLEFS_SEED"] ?? randomInt(2 ** 31));

const temporaries = (): string[] => readdirSync("/run").filter((name) => name.startsWith("puzzlefs-"));

/** Command lines and mounts that name the workplace. */
function traces(place: Workplace): string[] {
  const processes = spawnSync("ps", ["-eo", "stat=,args="], { encoding: "latin1" }).stdout.split("\n");
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return [...processes.filter((line) => !line.startsWith("Z")), ...mounts].filter((line) =>
    line.includes(`${place.directory}/`),
  );
}

mountTest(`a start that is interrupted leaves a whole mount or nothing (seed ${seed})`, async (t) => {
  using place = await withImage(t);
  let state = seed;
  const random = (limit: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * limit);
  };
  const outcomes = { mounted: 0, not: 0 };
  try {
    for (let start = 0; start < STARTS; start++) {
      const options = [[], ["-w"], ["--supervise"]][start % 3];
      const argv = [program, "mount", "--driver", "fuse", ...options, "store:v1", "mnt"];
      const child = spawn(process.execPath, argv, { cwd: place.directory, stdio: "ignore" });
      const ended = new Promise<string>((settle) =>
        child.once("exit", (code, signal) => settle(signal ?? String(code))),
      );
      await sleep(random(LONGEST));
      child.kill((["SIGINT", "SIGTERM", "SIGHUP"] as const)[random(3)]);
      const how = await ended;
      const isThere = spawnSync("cat", [place.path("mnt/file")], { encoding: "utf8" }).stdout === "content\n";
      t.is(isThere, how === "0", `${argv.join(" ")}: ended with ${how}`);
      outcomes[isThere ? "mounted" : "not"]++;
      if (isThere) t.is((await place.run("umount", "mnt")).code, 0);
      for (let tries = 0; tries < 200 && traces(place).length > 0; tries++) await sleep(50);
      t.deepEqual(traces(place), [], `${argv.join(" ")}: ended with ${how}`);
    }
    t.log(JSON.stringify(outcomes));
    // Those of other tests vanish meanwhile.
    let left = temporaries();
    for (let tries = 0; tries < 200 && left.length > 0; tries++) {
      await sleep(50);
      const present = new Set(temporaries());
      left = left.filter((name) => present.has(name));
    }
    t.deepEqual(left, []);
  } finally {
    tidy(place);
  }
});
