/**
 * This tool beside the Rust tool on the same data, in one run: `node bench/run.ts CACHE [ROOTFS]`.
 *
 * Each pair of commands runs in turn, into fresh directories, RUNS times after one round that is not counted.
 * Root only: it mounts, and it empties the page cache.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { dropCaches, rowText, seconds, table } from "./timing.ts";
import type { Row } from "./timing.ts";

const RUNS = Number(process.env["RUNS"] ?? 5);
const MOUNT_PATIENCE_MS = 10_000;

const [cache = ".", given] = process.argv.slice(2);
const ours = resolve(import.meta.dirname, "../packages/cli/bin/puzzlefs");
const rust = join(cache, "rust/bin/puzzlefs");
const rootfs = resolve(given ?? join(cache, "debian-bookworm"));
const work = mkdtempSync(join(process.env["BENCH_DIR"] ?? tmpdir(), "puzzlefs-bench-"));

for (const needed of [rust, rootfs]) {
  if (existsSync(needed)) continue;
  console.error(`bench: ${needed} is not there: run \`make setup-test\` as root, with cargo 1.85 or newer`);
  process.exit(1);
}

/** Runs both in turn and keeps what each took. */
function pairs(what: string, mine: (run: number) => number, theirs: (run: number) => number): Row {
  const row: Row = { what, ours: [], theirs: [] };
  for (let run = 0; run <= RUNS; run++) {
    const first = mine(run);
    const second = theirs(run);
    if (run > 0) {
      row.ours.push(first);
      row.theirs.push(second);
    }
  }
  console.error(rowText(row));
  return row;
}

/** @param memory build into tmpfs: without what our sync for durability costs, which the Rust tool does not do */
function builds(options: string[], memory: boolean): Row {
  const directory = memory ? mkdtempSync("/dev/shm/puzzlefs-bench-") : work;
  const build = (program: string, name: string) => (run: number) => {
    const layout = join(directory, `${name}${options.join("")}-${run}`);
    const taken = seconds(program, ["build", ...options, rootfs, `${layout}:v1`]);
    if (memory || run < RUNS) rmSync(layout, { recursive: true });
    return taken;
  };
  try {
    const what = `build${options.length === 0 ? ", raw" : ` ${options.join(" ")}`}${memory ? ", into tmpfs" : ""}`;
    return pairs(what, build(ours, "ours"), build(rust, "rust"));
  } finally {
    if (memory) rmSync(directory, { recursive: true, force: true });
  }
}

const isMounted = (mountpoint: string): boolean =>
  readFileSync("/proc/self/mounts", "utf8").includes(` ${mountpoint} `);

/** Mounts, lets `action` use the mount, unmounts. The Rust tool stays in the foreground: its daemon wants a syslog. */
function withMount<T>(program: string, image: string, action: (mountpoint: string) => T): T {
  const mountpoint = join(work, "mnt");
  mkdirSync(mountpoint, { recursive: true });
  const daemon = spawn(program, ["mount", "-f", image, mountpoint], { stdio: "ignore" });
  const end = Date.now() + MOUNT_PATIENCE_MS;
  while (!isMounted(mountpoint)) {
    if (Date.now() > end) throw new Error(`${program} did not mount ${image}`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
  }
  try {
    return action(mountpoint);
  } finally {
    spawnSync("umount", [mountpoint]);
    daemon.kill();
  }
}

const SHELL: Record<string, string> = {
  find: "find . >/dev/null",
  "ls -lR": "ls -lR >/dev/null",
  "read everything": "tar -c . | cat >/dev/null",
};

/** The same shell command on both mounts, with empty caches (`cold`) or once more after that (`warm`). */
function reads(kind: string, options: string[], what: string, warm: boolean): Row {
  const measure = (program: string, name: string) => () =>
    withMount(program, `${join(work, `${name}${options.join("")}-${RUNS}`)}:v1`, (mountpoint) => {
      const shell = `cd '${mountpoint}' && ${SHELL[what]}`;
      dropCaches();
      const cold = seconds("sh", ["-c", shell]);
      return warm ? seconds("sh", ["-c", shell]) : cold;
    });
  return pairs(`FUSE ${what}, ${kind}, ${warm ? "warm" : "cold"}`, measure(ours, "ours"), measure(rust, "rust"));
}

try {
  const rows = [builds([], true), builds(["-c"], true), builds([], false), builds(["-c"], false)];
  for (const [kind, options] of [
    ["raw", []],
    ["zstd", ["-c"]],
  ] as const) {
    for (const what of Object.keys(SHELL)) {
      rows.push(reads(kind, [...options], what, false), reads(kind, [...options], what, true));
    }
  }
  console.log(
    `\n${rootfs}, ${cpus().length} cores, medians of ${RUNS} runs; ratio: ours to theirs, smaller is better\n`,
  );
  console.log(table(rows, "Rust tool 0.2.0"));
} finally {
  rmSync(work, { recursive: true, force: true });
}
