/** The daemon is killed while many read: ENOTCONN for all of them within a second, and nothing that lasts. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import { isRoot, puzzlefs, run } from "../end-to-end/programs.ts";
import { mountpoints, Scratch } from "../end-to-end/scratch.ts";
import { backends } from "../posix/backends.ts";
import { daemonsOf } from "../soak/daemons.ts";
import { Material } from "./material.ts";
import type { Failure, Observation } from "./observe.ts";

const soon = 1000;
const readers = 8;
const observer = `${import.meta.dirname}/observe.ts`;
const scratch = new Scratch();
const obstacle = backends.find(({ name }) => name === "FUSE as root")?.obstacle ?? "";
const declare = obstacle === "" ? test.serial : test.serial.skip;
const suffix = obstacle === "" ? "" : ` (needs ${obstacle})`;
const material = isRoot ? new Material(scratch) : undefined;

test.after.always(() => scratch.remove());

for (const way of ["raw", "zstd-packed"]) {
  declare(`${way}: killed while ${readers} processes read${suffix}`, async (t) => {
    t.timeout(120_000);
    if (material === undefined) return t.fail();
    const mountpoint = scratch.directory("mnt");
    const argv = ["mount", "--driver", "fuse", `${material.store}:${way}`, mountpoint];
    run(puzzlefs, argv);
    const [daemon, ...others] = daemonsOf(mountpoint);
    t.deepEqual(others, []);
    const running = Array.from({ length: readers }, () =>
      spawn(process.execPath, [observer, mountpoint, material.expected, "--until-failure"], {
        stdio: ["ignore", "pipe", "inherit"],
      }),
    );
    await Promise.all(running.map((child) => once(child.stdout, "data")));
    await sleep(500);
    const reports = running.map(({ stdout }) => text(stdout));
    process.kill(daemon?.pid ?? 0, "SIGKILL");
    const killed = Date.now();
    for (const report of await Promise.all(reports)) {
      const { outcome, secondOutcome, at, filesRead } = JSON.parse(report) as Failure;
      // A request that was with the daemon is called aborted.
      t.true(outcome === "ENOTCONN" || outcome === "ECONNABORTED", outcome);
      t.is(secondOutcome, "ENOTCONN");
      t.true(at - killed <= soon, `${at - killed} ms`);
      t.true(filesRead > 0, "it had read nothing");
    }
    t.deepEqual(daemonsOf(mountpoint), []);
    run(puzzlefs, ["umount", mountpoint]);
    t.false(mountpoints().includes(mountpoint));

    run(puzzlefs, argv);
    const observations = JSON.parse(run(process.execPath, [observer, mountpoint, material.expected])) as Observation[];
    t.deepEqual(
      observations.filter(({ outcome }) => outcome !== "right"),
      [],
    );
    run(puzzlefs, ["umount", mountpoint]);
    return undefined;
  });
}
