/**
 * Mount, use, unmount, again and again: nothing accumulates. PUZZLEFS_CYCLES says how often for each kind of mount; `make
 * soak` does it a hundred times, and looks at the kernel's memory as well.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import { build } from "../end-to-end/images.ts";
import { puzzlefs, run } from "../end-to-end/programs.ts";
import { mountpoints, Scratch } from "../end-to-end/scratch.ts";
import { backends } from "../posix/backends.ts";
import { makeHostileTree } from "../trees/hostile.ts";
import { daemonsOf } from "./daemons.ts";

const given = process.env["PUZZLEFS_CYCLES"];
const cycles = Number(given ?? 8);
/** Others' mounts would be counted, too: only when nothing else runs. */
const looksAtKernel = given !== undefined;
const patienceMilliseconds = 10_000;

const scratch = new Scratch();
const store = scratch.fresh("store");
const obstacle = backends.find(({ name }) => name === "FUSE as root")?.obstacle ?? "";
const declare = obstacle === "" ? test.serial : test.serial.skip;
const suffix = obstacle === "" ? "" : ` (needs ${obstacle})`;

interface Kind {
  name: string;
  options: readonly string[];
  isWritable?: boolean;
  /** The daemon dies before. */
  isKilled?: boolean;
}

const kinds: readonly Kind[] = [
  { name: "plain", options: [] },
  { name: "writable, in memory", options: ["-w"], isWritable: true },
  { name: "writable, kept", options: ["--persist", scratch.fresh("upper")], isWritable: true },
  { name: "supervised", options: ["--supervise"] },
  { name: "daemon killed", options: [], isKilled: true },
];

test.before((t) => {
  t.timeout(120_000);
  if (obstacle !== "") return;
  const tree = scratch.fresh("tree");
  makeHostileTree(tree, { largeDirectory: 200, sparseBytes: 3_000_000 });
  build(tree, `${store}:v1`, "-c");
});

test.after.always(() => scratch.remove());

for (const kind of kinds) {
  declare(`${cycles} cycles leave nothing behind: ${kind.name}${suffix}`, async (t) => {
    t.timeout(60_000 + cycles * 10_000);
    const directory = scratch.directory("cycles");
    const temporary = join(directory, "tmp");
    mkdirSync(temporary);
    const samples: Sample[] = [];
    // Node opens what it needs for children with the first of them.
    await cycle(kind, directory, temporary);
    for (let i = 0; i < cycles; i++) {
      await cycle(kind, directory, temporary);
      samples.push(await take(directory, temporary));
    }
    const [first] = samples as [Sample];
    for (const sample of samples) t.deepEqual(sample.counts, first.counts);
    t.deepEqual([first.counts.mounts, first.counts.processes, first.counts.temporary], [0, 0, 0]);
    if (!looksAtKernel) return;
    for (const name of first.kernel.keys()) {
      const slope = slopeOf(samples.map(({ kernel }) => kernel.get(name) ?? 0));
      t.log(`${name}: ${slope.toFixed(3)} objects more with each cycle, ${first.kernel.get(name)} at first`);
      t.true(slope < leak, `${name}: ${slope}`);
    }
  });
}

async function cycle({ options, isWritable, isKilled }: Kind, directory: string, temporary: string): Promise<void> {
  const mountpoint = join(directory, "mnt");
  mkdirSync(mountpoint, { recursive: true });
  const env = { ...process.env, TMPDIR: temporary };
  run(puzzlefs, ["mount", "--driver", "fuse", ...options, `${store}:v1`, mountpoint], { env });
  if (readFileSync(join(mountpoint, "sizes/text-65537")).length !== 65_537) throw new Error("a file is cut short");
  readdirSync(join(mountpoint, "large-directory"));
  if (isWritable === true) writeFileSync(join(mountpoint, "sizes/text-65536"), "changed");
  if (isKilled === true) for (const { pid } of daemonsOf(directory)) process.kill(pid, "SIGKILL");
  run(puzzlefs, ["umount", mountpoint], { env });
  // A daemon learns from the kernel that it is not needed any more, and then has to end.
  for (const end = Date.now() + patienceMilliseconds; daemonsOf(directory).length > 0 && Date.now() < end;)
    await sleep(5);
}

interface Sample {
  counts: { descriptors: number; processes: number; mounts: number; temporary: number; run: number };
  /** Objects in use, by the name of their cache. */
  kernel: ReadonlyMap<string, number>;
}

/** Of these the kernel has some for each mount and each file that was looked at; and they are not merged with others. */
const kernelObjects = ["fuse_inode", "fuse_request", "ovl_inode", "mnt_cache", "shmem_inode_cache"] as const;
/** Objects for each cycle: one that is lost each time would be 1. */
const leak = 0.5;

async function take(directory: string, temporary: string): Promise<Sample> {
  const isOurs = (name: string): boolean => name.includes("puzzlefs");
  return {
    counts: {
      descriptors: readdirSync("/proc/self/fd").length,
      processes: daemonsOf(directory).length,
      mounts: mountpoints().filter((path) => path.startsWith(directory)).length,
      temporary: readdirSync(temporary).length,
      run: ["/run", "/dev/shm"].flatMap((path) => readdirSync(path)).filter(isOurs).length,
    },
    kernel: looksAtKernel ? await kernelCounts() : new Map<string, number>(),
  };
}

async function kernelCounts(): Promise<Map<string, number>> {
  // Inodes go a moment after their mount; and a cache counts what it keeps for each processor as in use.
  await sleep(50);
  const present = kernelObjects.filter((name) => existsSync(`/sys/kernel/slab/${name}/shrink`));
  for (const name of present) writeFileSync(`/sys/kernel/slab/${name}/shrink`, "1");
  const lines = readFileSync("/proc/slabinfo", "latin1").split("\n").slice(2);
  const all = new Map(lines.map((line) => line.split(/\s+/)).map(([name, active]) => [name ?? "", Number(active)]));
  return new Map(present.map((name) => [name, all.get(name) ?? NaN]));
}

/**
 * By how much the least that was counted in the second half is more than in the first, for each cycle: what others mount
 * and unmount meanwhile hardly counts.
 */
function slopeOf(values: readonly number[]): number {
  const half = Math.floor(values.length / 2);
  return (Math.min(...values.slice(half)) - Math.min(...values.slice(0, half))) / half;
}
