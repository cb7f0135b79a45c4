import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { inInitialNamespace } from "@puzzlefs/linux";
import { findMount } from "../mount/mountinfo.ts";

/**
 * Whether a process that unmounts when a signal asks for it may be started. It has the privileges of the process that
 * mounts, so nobody else may reach it: in a container's pid namespace the container's root could.
 */
export function mayStartUnmounter(): boolean {
  return inInitialNamespace("pid");
}

/**
 * Starts a process that unmounts what is mounted on `mountpoint` now, once asked over the other end of `socket`: a shell,
 * a twentieth of another Node.
 */
export function startUnmounter(mountpoint: string, socket: number): void {
  const mount = findMount(mountpoint);
  if (mount === undefined) return;
  const rights = process.geteuid?.() === 0 ? "root" : "user";
  const script = fileURLToPath(new URL("./unmounter.sh", import.meta.url));
  spawn("/bin/sh", [script, rights, mount.device, mountpoint, mount.escapedMountpoint], {
    stdio: [socket, socket, socket],
    detached: true,
    cwd: "/",
    env: {},
  }).unref();
}
