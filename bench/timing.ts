import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";

/** Seconds that a command takes from start to exit; its output is thrown away. Throws if it fails. */
export function seconds(program: string, args: string[]): number {
  const start = process.hrtime.bigint();
  const result = spawnSync(program, args, { stdio: ["ignore", "ignore", "pipe"], maxBuffer: 1 << 26 });
  const taken = Number(process.hrtime.bigint() - start) / 1e9;
  if (result.status !== 0)
    throw new Error(`${program} ${args.join(" ")}: ${result.error?.message ?? result.stderr.toString()}`);
  return taken;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

/** Writes everything back and empties the page, dentry and inode caches. Root only. */
export function dropCaches(): void {
  spawnSync("sync");
  writeFileSync("/proc/sys/vm/drop_caches", "3");
}

/** One row: medians of both, and the ratio of ours to theirs pair by pair, so that drift of the machine cancels. */
export interface Row {
  what: string;
  ours: number[];
  theirs: number[];
}

export function rowText({ what, ours, theirs }: Row): string {
  const ratios = ours.map((value, run) => value / (theirs[run] ?? NaN));
  const spread = `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`;
  return `| ${what} | ${median(ours).toFixed(3)} s | ${median(theirs).toFixed(3)} s | **${median(ratios).toFixed(2)}** | ${spread} |`;
}

export function table(rows: Row[], peer: string): string {
  return [
    `| what | puzzlefs | ${peer} | ratio | spread |`,
    "| --- | --- | --- | --- | --- |",
    ...rows.map(rowText),
  ].join("\n");
}
