import { readdirSync, readFileSync } from "node:fs";

export interface Daemon {
  pid: number;
  commandLine: string;
}

/** Processes behind mounts below a directory, by their command lines. */
export function daemonsOf(directory: string): Daemon[] {
  const daemons: Daemon[] = [];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    let commandLine: string;
    try {
      commandLine = readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ");
    } catch {
      continue;
    }
    if (commandLine.includes("puzzlefs") && commandLine.includes(directory))
      daemons.push({ pid: Number(pid), commandLine });
  }
  return daemons.filter(({ pid }) => pid !== process.pid);
}

/** Those that serve, and their supervisors, without the shells that wait to unmount: these end with them. */
export function serversOf(directory: string): Daemon[] {
  return daemonsOf(directory).filter(({ commandLine }) => commandLine.startsWith("puzzlefs "));
}

/** What a process takes of memory, bytes. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Number(/^VmRSS:\s*(\d+) kB/m.exec(status)?.[1]) * 1024;
}
