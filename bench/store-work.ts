/** The directory in which the storage benchmarks work, and the trees that they measure. */
import { existsSync, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { run } from "./store-programs.ts";

/** Number of entries of a tree, and bytes of the content of its regular files. */
export interface TreeCounts {
  entries: number;
  content: number;
}

export function countTree(tree: string): TreeCounts {
  const listed = run(["find", tree, "-mindepth", "1", "-printf", "%y %D:%i %s\\n"]).split("\n").slice(0, -1);
  // Hard links are one file.
  const files = new Map(listed.filter((line) => line.startsWith("f")).map((line) => [line.split(" ")[1], line]));
  const content = [...files.values()].reduce((sum, line) => sum + Number(line.split(" ")[2]), 0);
  return { entries: listed.length, content };
}

/** Copies a tree, under its final name only when the copy is complete; an existing copy is kept. */
export function copyTree(tree: string, copy: string): void {
  if (existsSync(copy)) return;
  rmSync(`${copy}.new`, { recursive: true, force: true });
  run(["cp", "-a", "--reflink=auto", realpathSync(tree), `${copy}.new`]);
  renameSync(`${copy}.new`, copy);
}

/** Calls `use` with an empty directory, which is removed afterwards with what is in it. */
export function inScratch<T>(parent: string, use: (directory: string) => T): T {
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  const directory = mkdtempSync(join(parent, "puzzlefs-bench-"));
  try {
    return use(directory);
  } finally {
    removeTree(directory);
  }
}

/** The same for work that takes turns. */
export async function inScratchAsync<T>(parent: string, use: (directory: string) => Promise<T>): Promise<T> {
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  const directory = mkdtempSync(join(parent, "puzzlefs-bench-"));
  try {
    return await use(directory);
  } finally {
    removeTree(directory);
  }
}

export function removeTree(path: string): void {
  // Not rmSync, which takes longer for a store of many blobs.
  run(["rm", "-rf", "--one-file-system", path]);
}
