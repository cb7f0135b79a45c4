/**
 * Mounts an image, uses and unmounts it, again and again, and counts what there is after each time:
 *
 *     unshare --mount node cycle.ts '{…}'     Cycles as JSON; prints Sample[]
 *
 * In a mount namespace of its own: in the common one, a process that makes another namespace while the image is mounted copies
 * the mount, and keeps the daemon alive with it.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "@puzzlefs/testing";
import { root, run } from "../support/programs.ts";
import { mountpoints } from "../support/scratch.ts";
import { daemonsOf, serversOf } from "./daemons.ts";

export interface Kind {
  name: string;
  options: readonly string[];
  isWritable?: boolean;
  /** The daemon dies before. */
  isKilled?: boolean;
}

export interface Cycles extends Kind {
  image: string;
  /** Holds the mount point and the directory for temporary files. */
  directory: string;
  cycles: number;
  /** Whether to look at the kernel's memory. */
  kernel: boolean;
}

export interface Sample {
  /** Command lines of those that still serve. */
  processes: string[];
  mounts: string[];
  temporary: string[];
  /** What is called after us where things of the running system are. */
  run: string[];
  /** Of this process. */
  descriptors: number;
  /** Objects in use, by the name of their cache. */
  kernel: Record<string, number>;
}

/** Not by the launcher, which lets root choose no directory for temporary files. */
const bundle = join(root, "build/lib/puzzlefs.js");
/** Of these the kernel has some for each mount and each file that was looked at; and they are not merged with others. */
const kernelObjects = ["fuse_inode", "fuse_request", "ovl_inode", "mnt_cache", "shmem_inode_cache"];

async function cycle({ image, directory, options, isWritable, isKilled }: Cycles): Promise<void> {
  const mountpoint = join(directory, "mnt");
  const env = { ...process.env, TMPDIR: join(directory, "tmp") };
  run(process.execPath, [bundle, "mount", "--driver", "fuse", ...options, image, mountpoint], { env });
  if (readFileSync(join(mountpoint, "sizes/text-65537")).length !== 65_537) throw new Error("a file is cut short");
  readdirSync(join(mountpoint, "large-directory"));
  if (isWritable === true) writeFileSync(join(mountpoint, "sizes/text-65536"), "changed");
  if (isKilled === true) for (const { pid } of serversOf(mountpoint)) process.kill(pid, "SIGKILL");
  run(process.execPath, [bundle, "umount", mountpoint], { env });
  // A daemon learns from the kernel that it is not needed any more, and then has to end.
  await eventually(() => serving(directory).length === 0);
}

/** Not this process and its parent, which name the directory in another way. */
function serving(directory: string): string[] {
  return daemonsOf(`${directory}/`).map(({ commandLine }) => commandLine);
}

async function kernelCounts(): Promise<Record<string, number>> {
  // Inodes go a moment after their mount; and a cache counts what it keeps for each processor as in use.
  await sleep(50);
  const present = kernelObjects.filter((name) => existsSync(`/sys/kernel/slab/${name}/shrink`));
  for (const name of present) writeFileSync(`/sys/kernel/slab/${name}/shrink`, "1");
  const lines = readFileSync("/proc/slabinfo", "latin1").split("\n").slice(2);
  const all = new Map(lines.map((line) => line.split(/\s+/)).map(([name, active]) => [name ?? "", Number(active)]));
  return Object.fromEntries(present.map((name) => [name, all.get(name) ?? NaN]));
}

async function take({ directory, kernel }: Cycles): Promise<Sample> {
  return {
    processes: serving(directory),
    mounts: mountpoints().filter((path) => path.startsWith(directory)),
    temporary: readdirSync(join(directory, "tmp")),
    run: ["/run", "/dev/shm"].flatMap((path) => readdirSync(path)).filter((name) => name.includes("puzzlefs")),
    descriptors: readdirSync("/proc/self/fd").length,
    kernel: kernel ? await kernelCounts() : {},
  };
}

const order = JSON.parse(process.argv[2] as string) as Cycles;
for (const name of ["mnt", "tmp"]) mkdirSync(join(order.directory, name), { recursive: true });
const samples: Sample[] = [];
// Node opens what it needs for children with the first of them.
await cycle(order);
for (let i = 0; i < order.cycles; i++) {
  await cycle(order);
  samples.push(await take(order));
}
console.log(JSON.stringify(samples));
