/** Finds test processes that do not end, shows what they wait for, and ends them, so that the others are reported. */
import { readdirSync, readFileSync } from "node:fs";

interface Process {
  pid: number;
  parent: number;
  state: string;
  /** Seconds since it began. */
  age: number;
}

/** The clock ticks of /proc/PID/stat, which are the same on all of Linux's ABIs. */
const TICKS_PER_SECOND = 100;

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function processes(): Process[] {
  const uptime = Number(read("/proc/uptime").split(" ")[0]);
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      // The name of the program may have spaces and parentheses; what is needed comes after it.
      const fields = read(`/proc/${name}/stat`).split(") ").at(-1)?.split(" ") ?? [];
      if (fields.length < 20) return [];
      const [state, parent] = fields as [string, string];
      const age = uptime - Number(fields[19]) / TICKS_PER_SECOND;
      return [{ pid: Number(name), parent: Number(parent), state, age }];
    });
}

/** A process and those that it started, each after its parent. */
function family(all: readonly Process[], process: Process, depth = 0): [depth: number, process: Process][] {
  const children = all.filter(({ parent }) => parent === process.pid);
  return [[depth, process], ...children.flatMap((child) => family(all, child, depth + 1))];
}

function describe(depth: number, { pid, state, age }: Process): string {
  const command = read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim() || read(`/proc/${pid}/comm`).trim();
  // Only root may read the stack; its top is the function that waits.
  const stack = read(`/proc/${pid}/stack`).match(/\w+(?=\+)/g) ?? [read(`/proc/${pid}/wchan`)];
  const waits = stack.slice(0, 6).join(" < ");
  return `#   ${"  ".repeat(depth)}${pid} ${state} ${Math.round(age)} s, in ${waits}: ${command}`;
}

/**
 * Looks at the children of `runner` from time to time. One that is older than `seconds` is printed with its
 * descendants and killed with them; the runner reports it with the tests that were pending. Returns what ends the watch.
 */
export function killStuckTests(runner: number, seconds: number): () => void {
  const timer = setInterval(() => {
    const all = processes();
    for (const stuck of all.filter(({ parent, age }) => parent === runner && age > seconds)) {
      const members = family(all, stuck);
      console.log(`# killed, for it did not end within ${seconds} s:`);
      for (const [depth, process] of members) console.log(describe(depth, process));
      for (const [, { pid }] of members) kill(pid);
    }
  }, 10_000);
  return () => clearInterval(timer);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
