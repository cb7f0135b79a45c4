import { spawn } from "node:child_process";
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { commandOfBytes, Directory, hasProc, inInitialNamespace } from "@puzzlefs/linux";
import { findMount } from "../mount/mountinfo.ts";

/** The directory of the mount point, in the process that unmounts. */
export const PARENT_DESCRIPTOR = 3;

/**
 * Whether a process may be started that unmounts at a signal. It has the privileges of the process that mounts, so no
 * other user may reach it: in a container's pid namespace the container's root could.
 */
export function mayStartUnmounter(): boolean {
  // It reads /proc before it unmounts.
  return inInitialNamespace("pid") && hasProc();
}

/**
 * Starts a process that unmounts what is mounted on `mountpoint` now, once asked over the other end of `socket`: a shell,
 * a twentieth of another Node, which then starts one.
 *
 * @param always also when the other end is closed
 */
export function startUnmounter(mountpoint: string, socket: number, always: boolean): void {
  const mount = findMount(mountpoint);
  if (mount === undefined) return;
  using parent = Directory.open(dirname(mountpoint));
  const command = [mount.device, basename(mountpoint), mountpoint];
  start([socket, socket, socket, parent.descriptor], always ? "always" : "asked", command);
}

/** The same for the mounts of a shared server, whose supervisor sends their device numbers when it asks. */
export function startSharedUnmounter(socket: number): void {
  start([socket, socket, socket], "devices", []);
}

function start(stdio: number[], when: "always" | "asked" | "devices", command: string[]): void {
  const beside = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
  const program = beside(import.meta.url.endsWith(".ts") ? "./unmount.ts" : "./unmount.js");
  const [shell, argv] = commandOfBytes("/bin/sh", [
    beside("./unmounter.sh"),
    when,
    process.execPath,
    program,
    ...command,
  ]);
  spawn(shell, argv, { stdio, detached: true, cwd: "/", env: {} }).unref();
}
