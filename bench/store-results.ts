/** What the storage benchmarks measured: bench/results/store.json, of which documents and the chart are made. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { resolve } from "node:path";
import type { Size, Usage } from "./store-programs.ts";

/** When and where something was measured. */
export interface Circumstances {
  /** Day, as YYYY-MM-DD. */
  date: string;
  /** The commit that was measured, abbreviated. */
  commit: string;
  kernel: string;
  processors: number;
  memoryGib: number;
  node: string;
  /** The note of the user about the machine: idle, or not. */
  note?: string;
  /** Names of subjects whose programs are not installed. */
  missing: string[];
}

/** One subject of the table of sizes. */
export interface StoreSizes {
  name: string;
  compressed: boolean;
  /** Of each version stored alone. */
  alone: Size[];
  /** Of one store, after each version was added to it. */
  together: Size[];
}

export interface SizesResult extends Circumstances {
  /** Of the trees: length of the content of regular files. */
  content: number[];
  entries: number[];
  stores: StoreSizes[];
}

/** What one subject took in one round. */
export interface Round extends Usage {
  /** What its store grew by. */
  added?: Size;
}

export interface TimedSubject {
  name: string;
  rounds: Round[];
}

/** A ratio that has a target. */
export interface Target {
  what: string;
  subject: string;
  peer: string;
  most: number;
}

/** Subjects that were measured in turn, on one tree. */
export interface TimesResult extends Circumstances {
  entries: number;
  /** Length of the content of regular files, bytes. */
  content: number;
  subjects: TimedSubject[];
  targets: Target[];
}

export interface Results {
  sizes?: SizesResult;
  rebuild?: TimesResult;
  large?: TimesResult;
  memory?: TimesResult;
}

export const RESULTS = resolve(import.meta.dirname, "results/store.json");

export function readResults(path: string): Results {
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Results) : {};
}

/** Replaces the parts that were measured, keeps the others. */
export function writeResults(path: string, measured: Results): Results {
  const results = { ...readResults(path), ...measured };
  const rounded = (_: string, value: unknown): unknown =>
    typeof value === "number" ? Number(value.toFixed(4)) : value;
  writeFileSync(path, `${JSON.stringify(results, rounded, 1)}\n`);
  return results;
}

/** @param note see Circumstances */
export function circumstances(missing: string[], note: string | undefined): Circumstances {
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: commitOf(import.meta.dirname),
    kernel: release().split("-", 1)[0] ?? "",
    processors: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    ...(note !== undefined && { note }),
    missing,
  };
}

/** "unknown" where the sources are not in a repository. */
function commitOf(directory: string): string {
  const { status, stdout } = spawnSync("git", ["rev-parse", "--short", "HEAD"], { cwd: directory, encoding: "utf8" });
  return status === 0 ? stdout.trim() : "unknown";
}
