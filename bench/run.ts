/**
 * Builds by this tool beside builds by the Rust tool of the same tree, in one run: `node bench/run.ts CACHE [ROOTFS]`.
 *
 * Each pair of commands runs in turn, into fresh directories, RUNS times after one round that is not counted.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { rowText, seconds, table } from "./timing.ts";
import type { Row } from "./timing.ts";

const RUNS = Number(process.env["RUNS"] ?? 5);

const [cache = ".", given] = process.argv.slice(2);
const ours = resolve(import.meta.dirname, "../packages/cli/bin/puzzlefs");
const rust = join(cache, "rust/bin/puzzlefs");
const rootfs = resolve(given ?? join(cache, "trees/debian-bookworm"));
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
    rmSync(layout, { recursive: true });
    return taken;
  };
  try {
    const what = `build${options.length === 0 ? ", raw" : ` ${options.join(" ")}`}${memory ? ", into tmpfs" : ""}`;
    return pairs(what, build(ours, "ours"), build(rust, "rust"));
  } finally {
    if (memory) rmSync(directory, { recursive: true, force: true });
  }
}

try {
  const rows = [builds([], true), builds(["-c"], true), builds([], false), builds(["-c"], false)];
  console.log(
    `\n${rootfs}, ${cpus().length} cores, medians of ${RUNS} runs; ratio: ours to theirs, smaller is better\n`,
  );
  console.log(table(rows, "Rust tool 0.2.0"));
} finally {
  rmSync(work, { recursive: true, force: true });
}
