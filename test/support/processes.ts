import { readdirSync, readFileSync } from "node:fs";

export interface Running {
  pid: number;
  /** Words are separated by spaces. */
  commandLine: string;
}

/** The content of a file of /proc, or nothing if the process has ended. */
function procFile(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

/** Other processes whose command line has a match. One that has ended has no command line. */
export function running(pattern: RegExp | string): Running[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((name) => ({
      pid: Number(name),
      commandLine: procFile(`/proc/${name}/cmdline`).replaceAll("\0", " ").trimEnd(),
    }))
    .filter(({ commandLine }) =>
      typeof pattern === "string" ? commandLine.includes(pattern) : pattern.test(commandLine),
    );
}

/** Sends a signal to one process. Throws without one: kill(2) takes 0 and -1 for groups, and as root -1 for the whole machine. */
export function signalTo(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined || !Number.isSafeInteger(pid) || pid <= 1)
    throw new Error(`no process to send ${signal}: ${pid}`);
  process.kill(pid, signal);
}

/** Whether a thread of the process waits for the server of a FUSE file system. Only root can see that. */
export function waitsForFuse(pid: number | undefined): boolean {
  const threads = `/proc/${pid}/task`;
  try {
    // For an answer, or for a page that one brings. fuse_dev_…: it is a server, and waits for requests. A page fault is
    // most often one of the program itself, whose file is on another file system.
    return readdirSync(threads).some((thread) => {
      const stack = procFile(`${threads}/${thread}/stack`);
      return /request_wait|folio_wait|fuse_(?!dev)/.test(stack) && !/page_fault/.test(stack);
    });
  } catch {
    return false;
  }
}
