/**
 * Required by ava in each process of a file of tests (ava.config.mjs): appends what the file took to the file that PUZZLEFS_COSTS
 * names, as a line of JSON. Processor time is that of the process and of all descendants that were waited for, so daemons,
 * which nothing waits for, are missing.
 */
import { appendFileSync, readFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";

export interface Cost {
  file: string;
  seconds: number;
  processor: number;
}

/** The clock ticks of /proc/PID/stat, which are the same on all of Linux's ABIs. */
const TICKS_PER_SECOND = 100;

const destination = process.env["PUZZLEFS_COSTS"];
if (destination !== undefined) {
  const file = relative(process.cwd(), fileURLToPath(test.meta.file));
  process.on("exit", () => {
    // utime, stime, cutime and cstime; proc(5) counts from 1, and the first two fields end with ")".
    const fields = readFileSync("/proc/self/stat", "utf8").split(") ").at(-1)?.split(" ") ?? [];
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    const cost: Cost = { file, seconds: process.uptime(), processor: ticks / TICKS_PER_SECOND };
    appendFileSync(destination, `${JSON.stringify(cost)}\n`);
  });
}
