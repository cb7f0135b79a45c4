/**
 * `make bench-mounts`: many FUSE mounts of a store, with one server (`mount --shared`) and with one each.
 *
 *     [MOUNTS=1,10,100] node bench/mounts.ts CACHE
 *
 * In a mount namespace of its own: others may have copies of its mounts, which keep them in use.
 *
 * Ten images of a Debian root, kept in CACHE/bench-mounts, are mounted in turn, so ten mounts are of ten images and a hundred ten of each. Memory is the PSS of all processes behind the
 * mounts, after each mount was listed and a file in it was read; time is that of the command, and its processor time.
 */
import { execFileSync, spawnSync } from "node:child_process";
import {
  closeSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { median } from "./timing.ts";

const images = 10;
const counts = (process.env["MOUNTS"] ?? "1,10,100").split(",").map(Number);
const cache = resolve(process.argv[2] ?? ".");
const program = resolve(import.meta.dirname, "../packages/cli/bin/puzzlefs");
const scratch = mkdtempSync(join(tmpdir(), "puzzlefs-bench-mounts-"));
const store = join(cache, "bench-mounts");

interface Taken {
  wall: number;
  processor: number;
}

/** Milliseconds of a command and its children. */
function timed(argv: readonly string[]): Taken {
  const script = 'TIMEFORMAT="%R %U %S"; time "$@" >/dev/null';
  const { status, stderr } = spawnSync("bash", ["-c", script, "bash", ...argv], { encoding: "utf8" });
  const [wall = NaN, user = NaN, system = NaN] = (stderr.trim().split("\n").at(-1) ?? "").split(" ").map(Number);
  if (status !== 0) throw new Error(stderr);
  return { wall: wall * 1000, processor: (user + system) * 1000 };
}

/** MiB of the processes behind the mounts, without the shells that wait to unmount. */
function memory(): number {
  let kibibytes = 0;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ");
      const isOurs = /^puzzlefs (mount|share|serve) /.test(line) && line.includes(store);
      if (isOurs) kibibytes += Number(/^Pss:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "latin1"))?.[1]);
    } catch {
      // It has ended.
    }
  }
  return kibibytes / 1024;
}

/** Milliseconds of a read that is not cached. */
function latency(path: string): number {
  const buffer = Buffer.alloc(4096);
  const file = openSync(path, constants.O_RDONLY | constants.O_DIRECT);
  const start = performance.now();
  readSync(file, buffer, 0, buffer.length, 0);
  const taken = performance.now() - start;
  closeSync(file);
  return taken;
}

async function measure(count: number, options: readonly string[]): Promise<string> {
  const taken: Taken[] = [];
  const points: string[] = [];
  for (let index = 0; index < count; index++) {
    const point = join(scratch, `m${index}`);
    mkdirSync(point, { recursive: true });
    taken.push(timed([program, "mount", "--driver=fuse", ...options, `${store}:v${(index % images) + 1}`, point]));
    points.push(point);
    readdirSync(point);
    latency(join(point, "etc/passwd"));
  }
  const total = memory();
  const reads = points.flatMap((point) => [1, 2, 3].map(() => latency(join(point, "etc/passwd"))));
  for (const point of points) execFileSync("umount", [point]);
  while (memory() > 0) await sleep(20);
  const later = taken.slice(1);
  const of = (values: readonly number[]): string => (values.length === 0 ? "–" : median(values).toFixed(0));
  return [
    options[0] ?? "one each",
    count,
    total.toFixed(0),
    taken[0]?.wall.toFixed(0),
    taken[0]?.processor.toFixed(0),
    of(later.map(({ wall }) => wall)),
    of(later.map(({ processor }) => processor)),
    median(reads).toFixed(2),
  ].join(" | ");
}

/** Kept in the cache. */
function makeImages(): void {
  const known = existsSync(store) ? readFileSync(join(store, "index.json"), "utf8").split('"v').length - 1 : 0;
  if (known === images) return;
  const root = join(scratch, "root");
  cpSync(join(cache, "trees/debian-bookworm"), root, { recursive: true, verbatimSymlinks: true });
  for (let image = 1; image <= images; image++) {
    // Each version changes a file.
    execFileSync("sh", ["-c", 'echo "$1" >"$2/etc/version"', "sh", String(image), root]);
    execFileSync(program, ["build", "-c", root, `${store}:v${image}`], { stdio: "ignore" });
  }
  rmSync(root, { recursive: true });
}

try {
  makeImages();
  const bare = Array.from({ length: 11 }, () => timed([resolve(import.meta.dirname, "../build/node"), "-e", "0"]));
  const [wall, processor] = [bare.map((one) => one.wall), bare.map((one) => one.processor)];
  console.log(`node -e 0: ${median(wall).toFixed(0)} ms, ${median(processor).toFixed(0)} ms of processor\n`);
  console.log("| servers | mounts | PSS, MiB | first, ms | its processor | later, ms | their processor | read, ms |");
  console.log("| --- | --- | --- | --- | --- | --- | --- | --- |");
  for (const options of [["--shared"], []]) {
    for (const count of counts) console.log(`| ${await measure(count, options)} |`);
  }
} finally {
  for (const name of readdirSync(scratch)) spawnSync("umount", ["--quiet", "--lazy", join(scratch, name)]);
  rmSync(scratch, { recursive: true });
}
