import { execFileSync, type ChildProcess } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "@puzzlefs/testing";
import { attempt } from "./programs.ts";

/** A directory for one test file: everything made in it goes at the end, mounts first. */
export class Scratch {
  readonly path = mkdtempSync(join(tmpdir(), "puzzlefs-test-"));
  #count = 0;

  constructor() {
    // Other users must be able to reach what is inside.
    chmodSync(this.path, 0o755);
  }

  /** A path that does not exist yet. */
  fresh(name: string): string {
    return join(this.path, `${name}-${++this.#count}`);
  }

  directory(name: string): string {
    const path = this.fresh(name);
    mkdirSync(path);
    return path;
  }

  remove(): void {
    for (const mountpoint of mountpoints().filter((path) => path.startsWith(`${this.path}/`))) {
      attempt("umount", ["-l", mountpoint]);
    }
    // Not rmSync: paths may be longer than PATH_MAX.
    execFileSync("rm", ["-rf", this.path]);
  }
}

/** Everything that is mounted, the latest first. */
export function mountpoints(): string[] {
  const lines = readFileSync("/proc/self/mountinfo", "utf8").trimEnd().split("\n");
  return lines.map((line) => (line.split(" ")[4] ?? "").replace(/\\040/g, " ")).reverse();
}

/** Waits until `mountpoint` is a mount, for programs that do not report when they are ready. */
export async function waitForMount(mountpoint: string, daemon: ChildProcess): Promise<void> {
  const isMounted = (): boolean => mountpoints().includes(mountpoint);
  await eventually(() => isMounted() || daemon.exitCode !== null);
  if (!isMounted()) throw new Error(`${mountpoint} was not mounted`);
}
