/**
 * The server of a mount is killed while many processes read: ENOTCONN for all of them at once, nothing left over; with
 * --supervise, no reader sees an error.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { eventually, PATIENCE, signalTo } from "@puzzlefs/testing";
import test, { type ExecutionContext } from "ava";
import { isRoot, puzzlefs, run } from "../support/programs.ts";
import { mountpoints, Scratch } from "../support/scratch.ts";
import { backends } from "../posix/backends.ts";
import { serversOf } from "../soak/daemons.ts";
import { Material, type Way } from "./material.ts";
import type { Failure, Observation } from "./observe.ts";

const readers = 8;
const kills = 4;
const observer = `${import.meta.dirname}/observe.ts`;
const scratch = new Scratch();
const obstacle = backends.find(({ name }) => name === "FUSE as root")?.obstacle ?? "";
const declare = obstacle === "" ? test.serial : test.serial.skip;
const suffix = obstacle === "" ? "" : ` (needs ${obstacle})`;
let material: Material | undefined;

test.before(() => {
  if (isRoot) material = new Material(scratch);
});

test.after.always(() => scratch.remove());

const cases: readonly [way: Way, options: readonly string[]][] = [
  ["raw", []],
  ["zstd-joined", []],
  ["zstd", ["--writable"]],
];
for (const [way, options] of cases) {
  declare(`${way}: killed while ${readers} processes read ${options.join(" ")}${suffix}`, async (t) => {
    const mountpoint = mount(way, options);
    const [daemon, ...others] = serversOf(mountpoint);
    t.deepEqual(others, []);
    const running = await startReaders(mountpoint);
    const reports = running.map(({ stdout }) => text(stdout as NodeJS.ReadableStream));
    signalTo(daemon?.pid, "SIGKILL");
    const killed = Date.now();
    for (const report of await Promise.all(reports)) {
      const { outcome, secondOutcome, at, filesRead } = JSON.parse(report) as Failure;
      // A request that was with the daemon is called aborted.
      t.true(outcome === "ENOTCONN" || outcome === "ECONNABORTED", outcome);
      t.is(secondOutcome, "ENOTCONN");
      t.true(at - killed <= PATIENCE, `${at - killed} ms`);
      t.true(filesRead > 0, "it had read nothing");
    }
    t.deepEqual(serversOf(mountpoint), []);
    unmount(t, mountpoint);

    const again = mount(way, options);
    assertReadable(t, again);
    unmount(t, again);
  });
}

declare(`zstd: killed ${kills} times while ${readers} processes read, with --supervise${suffix}`, async (t) => {
  const mountpoint = mount("zstd", ["--supervise"]);
  const running = await startReaders(mountpoint);
  const reports = running.map(({ stdout }) => text(stdout as NodeJS.ReadableStream));
  const killed = new Set<number>();
  const server = (): number | undefined =>
    serversOf(mountpoint).find(({ pid, commandLine }) => commandLine.startsWith("puzzlefs serve") && !killed.has(pid))
      ?.pid;
  while (killed.size < kills) {
    t.true(await eventually(() => server() !== undefined));
    const pid = server();
    signalTo(pid, "SIGKILL");
    killed.add(pid as number);
    // The next must have answered those that wait: a request of which three servers die gets EIO.
    assertReadable(t, mountpoint);
  }
  for (const child of running) child.kill();
  t.deepEqual(
    await Promise.all(reports),
    Array.from({ length: readers }, () => ""),
  );
  assertReadable(t, mountpoint);
  unmount(t, mountpoint);
});

function mount(way: Way, options: readonly string[]): string {
  const mountpoint = scratch.directory("mnt");
  run(puzzlefs, ["mount", "--driver", "fuse", ...options, `${material?.store}:${way}`, mountpoint]);
  return mountpoint;
}

/** Processes that read until a read fails; each has read something. */
async function startReaders(mountpoint: string): Promise<ChildProcess[]> {
  const argv = [observer, mountpoint, material?.expected ?? "", "--until-failure"];
  const running = Array.from({ length: readers }, () =>
    spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"] }),
  );
  await Promise.all(running.map((child) => once(child.stdout, "data")));
  return running;
}

function assertReadable(t: ExecutionContext, mountpoint: string): void {
  const observed = run(process.execPath, [observer, mountpoint, material?.expected ?? ""]);
  const wrong = (JSON.parse(observed) as Observation[]).filter(({ outcome }) => outcome !== "right");
  t.deepEqual(wrong, []);
}

function unmount(t: ExecutionContext, mountpoint: string): void {
  run(puzzlefs, ["umount", mountpoint]);
  t.false(mountpoints().includes(mountpoint));
}
