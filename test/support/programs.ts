import { spawnSync, type SpawnSyncOptions } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";

/** The programs that the suites run, and whether they are here. */

export const root = resolve(import.meta.dirname, "../..");
const home = process.env["XDG_CACHE_HOME"] ?? join(process.env["HOME"] ?? "/root", ".cache");

/** Where setup keeps what is large: see setup/setup.sh. */
export const cache = process.env["PUZZLEFS_CACHE"] ?? join(home, "puzzlefs");
/** The program under test: that of this checkout, or another one, for example an installed one. */
export const puzzlefs = process.env["PUZZLEFS_PROGRAM"] ?? join(root, "packages/cli/bin/puzzlefs");
export const rustTool = join(cache, "rust/bin/puzzlefs");
export const debianRoot = join(cache, "trees/debian-bookworm");

export const isRoot = process.geteuid?.() === 0;

const outputLimit = 1 << 30;

export interface Outcome {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end. Output is latin1, so that every byte survives. */
export function attempt(program: string, args: readonly string[], options: SpawnSyncOptions = {}): Outcome {
  const { status, signal, stdout, stderr, error } = spawnSync(program, args, {
    maxBuffer: outputLimit,
    encoding: "latin1",
    ...options,
  });
  if (error !== undefined) throw error;
  return { status, signal, stdout: String(stdout), stderr: String(stderr) };
}

/** Runs a program that must succeed; returns what it wrote. */
export function run(program: string, args: readonly string[], options: SpawnSyncOptions = {}): string {
  const { status, signal, stdout, stderr } = attempt(program, args, options);
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${signal ?? `exit code ${status}`}\n${stderr}`);
  return stdout;
}

/** Those of these that are not installed: names of programs, or absolute paths. */
export function missing(...wanted: string[]): string[] {
  const directories = (process.env["PATH"] ?? "").split(delimiter);
  const isHere = (name: string): boolean =>
    name.startsWith("/") ? existsSync(name) : directories.some((directory) => existsSync(join(directory, name)));
  return wanted.filter((name) => !isHere(name));
}
