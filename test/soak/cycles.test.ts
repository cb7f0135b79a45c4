/**
 * Mount, use, unmount, again and again: nothing accumulates. PUZZLEFS_CYCLES is the number for each kind of mount; `make
 * soak` does it three hundred times, and looks at the kernel's memory as well.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import test from "ava";
import { build } from "../support/images.ts";
import { Scratch } from "../support/scratch.ts";
import { backends } from "../posix/backends.ts";
import { makeHostileTree } from "../support/trees/hostile.ts";
import type { Cycles, Kind, Sample } from "./cycle.ts";

const given = process.env["PUZZLEFS_CYCLES"];
const cycles = Number(given ?? 8);
/** Objects of the kernel for each cycle: one that is lost each time would be 1. */
const leak = 0.1;

const execute = promisify(execFile);
const scratch = new Scratch();
const image = `${scratch.fresh("store")}:v1`;
const obstacle = backends.find(({ name }) => name === "FUSE as root")?.obstacle ?? "";
const declare = obstacle === "" ? test.serial : test.serial.skip;
const suffix = obstacle === "" ? "" : ` (needs ${obstacle})`;

const kinds: readonly Kind[] = [
  { name: "plain", options: [] },
  { name: "writable, in memory", options: ["-w"], isWritable: true },
  { name: "writable, kept", options: ["--persist", scratch.fresh("upper")], isWritable: true },
  { name: "supervised", options: ["--supervise"] },
  { name: "daemon killed", options: [], isKilled: true },
];

test.before(() => {
  if (obstacle !== "") return;
  const tree = scratch.fresh("tree");
  makeHostileTree(tree, { largeDirectory: 200, sparseBytes: 3_000_000 });
  build(tree, image, "-c");
});

test.after.always(() => scratch.remove());

for (const kind of kinds) {
  declare(`${cycles} cycles leave nothing behind: ${kind.name}${suffix}`, async (t) => {
    t.timeout(600_000 + cycles * 30_000);
    // Others' mounts would be counted, too: only when nothing else runs.
    const order: Cycles = {
      ...kind,
      image,
      directory: scratch.directory("cycles"),
      cycles,
      kernel: given !== undefined,
    };
    const program = `${import.meta.dirname}/cycle.ts`;
    // Not synchronously, so that ava's own timers run meanwhile.
    const argv = ["--mount", process.execPath, program, JSON.stringify(order)];
    const { stdout } = await execute("unshare", argv, { maxBuffer: 1e9 });
    const samples = JSON.parse(stdout) as Sample[];
    t.is(samples.length, cycles);
    for (const { processes, mounts, temporary, run: running, descriptors } of samples) {
      t.deepEqual({ processes, mounts, temporary }, { processes: [], mounts: [], temporary: [] });
      t.deepEqual([running, descriptors], [samples[0]?.run, samples[0]?.descriptors]);
    }
    for (const name of Object.keys(samples[0]?.kernel ?? {})) {
      const values = samples.map(({ kernel }) => kernel[name] ?? NaN);
      const slope = slopeOf(values);
      t.log(`${name}: ${slope.toFixed(3)} objects more with each cycle; ${values[0]} at first`);
      t.true(slope < leak, `${name}: ${slope}`);
    }
  });
}

/** The usual growth of a value over a number of cycles: mounts of other processes make steps, a leak makes a slope. */
const span = 10;

function slopeOf(values: readonly number[]): number {
  const lag = Math.min(span, Math.floor(values.length / 2));
  const rises = values.slice(lag).map((value, i) => value - (values[i] ?? NaN));
  return (rises.toSorted((a, b) => a - b)[Math.floor(rises.length / 2)] ?? NaN) / lag;
}
