import { readFileSync } from "node:fs";
import { type Running, running } from "@puzzlefs/testing";

/** Processes behind mounts below a directory, by their command lines. */
export function daemonsOf(directory: string): Running[] {
  return running(directory).filter(({ commandLine }) => commandLine.includes("puzzlefs"));
}

/** Those that serve, and their supervisors, without the shells that wait to unmount: these end with them. */
export function serversOf(directory: string): Running[] {
  return daemonsOf(directory).filter(({ commandLine }) => commandLine.startsWith("puzzlefs "));
}

/** Memory of a process, bytes. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Number(/^VmRSS:\s*(\d+) kB/m.exec(status)?.[1]) * 1024;
}
