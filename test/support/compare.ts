import type { ExecutionContext } from "ava";
import { puzzlefs, run } from "./programs.ts";

/** Equality of long texts, with the first lines that differ instead of all. */
export function assertSameText(t: ExecutionContext, actual: string, expected: string, what: string): void {
  if (actual === expected) {
    t.pass();
    return;
  }
  const ours = actual.split("\n");
  const theirs = expected.split("\n");
  const at = theirs.findIndex((line, i) => line !== ours[i]);
  t.fail(`${what}: line ${at + 1}\n  is        ${ours[at]}\n  should be ${theirs[at]}`);
}

export function dumpImage(image: string, ...options: string[]): string {
  return run(puzzlefs, ["dump", ...options, image]);
}

export function dumpDirectory(path: string, ...options: string[]): string {
  return run(puzzlefs, ["dump", ...options, "--directory", path]);
}
