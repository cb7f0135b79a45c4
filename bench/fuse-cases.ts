/** The cases that are measured on every mount. */
import { closeSync, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import type { Program } from "./fuse-peers.ts";
import type { BenchTree } from "./fuse-tree.ts";
import { seconds } from "./timing.ts";

export interface FuseCase {
  name: string;
  /** Seconds that it takes on what is mounted there. */
  measure(mountpoint: string, tree: BenchTree): number;
  /** Programs of the target: the fastest of them counts. */
  against: readonly Program[];
  /** The target: the most that ours may take, as a multiple of that. */
  target: number;
  /** The figure in the table, from seconds. */
  unit: "s" | "ms" | "IOPS";
  /** Measures mounting as well, from the daemon's start on. */
  mounts?: true;
}

const positions = 2000;
/** Milliseconds. */
const patience = 2000;
const page = 4096;
const sequentialBytes = 1 << 20;

/** A tool, which is read into memory before: its own pages are no part of the file system. */
function shell(command: (tree: BenchTree) => string): FuseCase["measure"] {
  return (mountpoint, tree) => {
    seconds("sh", ["-c", `cd '${tree.empty}' && ${command(tree)}`]);
    return seconds("sh", ["-c", `cd '${mountpoint}' && ${command(tree)}`]);
  };
}

function timed(action: () => void): number {
  const start = process.hrtime.bigint();
  action();
  return Number(process.hrtime.bigint() - start) / 1e9;
}

/** @param read returns the factor by which its time is multiplied */
function onLargeFile(read: (descriptor: number) => number): FuseCase["measure"] {
  return (mountpoint, { large }) => {
    const descriptor = openSync(join(mountpoint, large), "r");
    let factor = 1;
    const taken = timed(() => {
      factor = read(descriptor);
    });
    closeSync(descriptor);
    return taken * factor;
  };
}

/** Stops after a time limit, and extrapolates. */
const sequential = onLargeFile((descriptor) => {
  const buffer = Buffer.allocUnsafe(sequentialBytes);
  const start = performance.now();
  let done = 0;
  while (performance.now() - start < patience) {
    const count = readSync(descriptor, buffer);
    if (count === 0) return 1;
    done += count;
  }
  return fstatSync(descriptor).size / done;
});

/** The same pages each time, in a mixed order; stops and extrapolates as well. */
const random = onLargeFile((descriptor) => {
  const buffer = Buffer.allocUnsafe(page);
  const pages = Math.floor(fstatSync(descriptor).size / page);
  const start = performance.now();
  let seed = 1;
  let count = 0;
  while (count < positions && performance.now() - start < patience) {
    seed = (seed * 48271) % 0x7fffffff;
    readSync(descriptor, buffer, 0, page, (seed % pages) * page);
    count++;
  }
  return positions / count;
});

const listing: readonly Program[] = ["Rust tool", "squashfuse_ll"];

export const fuseCases: readonly FuseCase[] = [
  {
    name: "mount",
    measure: (mountpoint) => timed(() => readdirSync(mountpoint, { withFileTypes: true })),
    against: ["Rust tool"],
    target: 1,
    unit: "ms",
    mounts: true,
  },
  { name: "find", measure: shell(() => "find . >/dev/null"), against: listing, target: 0.4, unit: "ms" },
  { name: "ls -lR", measure: shell(() => "ls -lR >/dev/null"), against: listing, target: 0.4, unit: "ms" },
  {
    name: "tar of everything",
    measure: shell(({ added }) => `tar -c ${added === undefined ? "" : `--exclude=./${added}`} . | cat >/dev/null`),
    against: ["squashfuse_ll"],
    target: 0.6,
    unit: "s",
  },
  { name: "large file", measure: sequential, against: ["erofsfuse"], target: 1, unit: "ms" },
  { name: "random 4 KiB", measure: random, against: ["erofsfuse"], target: 1, unit: "IOPS" },
];

/** The figure that a case's table shows. */
export function figure({ unit }: FuseCase, taken: number): number {
  if (unit === "IOPS") return positions / taken;
  return unit === "ms" ? taken * 1000 : taken;
}
