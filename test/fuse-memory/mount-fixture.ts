import { execFile, spawnSync } from "node:child_process";
import { accessSync, chmodSync, constants, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { eventually } from "@puzzlefs/testing";
import { findMount, MountError, unmount } from "../../packages/fuse/src/index.ts";
import type { MemoryArgument, MemorySettings } from "./memory-mount.ts";

export const MEMORY_MOUNT = fileURLToPath(new URL("memory-mount.ts", import.meta.url));

const PREFIX = "puzzlefs-fuse-";

// Every mount starts two processes; this halves the time for which they read the same sources again. Root
// loads code from there: no directory that others may write to.
process.env["NODE_COMPILE_CACHE"] ??= resolve(import.meta.dirname, "../../build/test-compile-cache");

/** Why nothing can be mounted here, if so: for tests to name when they are left out. */
export function mountObstacle(): string | undefined {
  if (process.geteuid?.() !== 0) return "only root can run the tests that mount";
  try {
    accessSync("/dev/fuse", constants.R_OK | constants.W_OK);
  } catch {
    return "no /dev/fuse";
  }
  // Mounting is not permitted in many containers.
  const probe = spawnSync("unshare", ["--mount", "true"]);
  return probe.status === 0 ? undefined : "no permission to mount";
}

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end. */
export function run(program: string, ...argv: string[]): Promise<Outcome> {
  return new Promise((settle) => {
    const child = execFile(program, argv, { maxBuffer: 1e9 }, (_error, stdout, stderr) =>
      settle({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

/** A scratch directory with a mount point in it; whatever is mounted there when the test ends is unmounted. */
export class Scratch {
  readonly directory = mkdtempSync(join(tmpdir(), PREFIX));
  readonly mountpoint: string;

  constructor(name = "mnt") {
    this.mountpoint = join(this.directory, name);
    // Other users must get at it.
    chmodSync(this.directory, 0o755);
    mkdirSync(this.mountpoint);
  }

  path(name: string): string {
    return join(this.mountpoint, name);
  }

  /** Starts a daemon; the outcome is that of its parent. */
  start(tree: MemoryArgument, settings: MemorySettings = {}): Promise<Outcome> {
    const argv = [MEMORY_MOUNT, this.mountpoint, JSON.stringify(tree), JSON.stringify(settings)];
    return run(process.execPath, ...argv);
  }

  /** Starts a daemon that must succeed; returns its pid. */
  async mount(tree: MemoryArgument, settings: MemorySettings = {}): Promise<number> {
    const outcome = await this.start(tree, settings);
    if (outcome.code !== 0) throw new Error(`mount failed: ${outcome.stderr}`);
    return Number(outcome.stdout);
  }

  get mounted(): boolean {
    return findMount(this.mountpoint) !== undefined;
  }

  /** Unmounts as soon as it can be: whatever this process starts has its open files for a moment. */
  async unmount(): Promise<void> {
    const end = (): Promise<boolean> =>
      unmount(this.mountpoint).then(
        () => true,
        (error: unknown) => {
          if (error instanceof MountError && error.code === "EBUSY") return false;
          throw error;
        },
      );
    if (!(await eventually(end))) throw new Error(`${this.mountpoint} stays busy`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    while (this.mounted) await unmount(this.mountpoint, { lazy: true });
    rmSync(this.directory, { recursive: true });
  }
}

/**
 * Whether the process runs still; one that ended and was not waited for does not. Its first thread may have ended long
 * before the others, which still hold the connection.
 */
export function alive(pid: number): boolean {
  try {
    const state = /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, "latin1"))?.[1];
    return state !== "Z" || readdirSync(`/proc/${pid}/task`).length > 1;
  } catch {
    return false;
  }
}
