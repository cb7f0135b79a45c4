import type { ExecutionContext } from "ava";
import { puzzlefs, run } from "./programs.ts";

/** What mtree(8) compares: all it knows but names of owners, and the content by sha256. */
const mtreeKeywords = "type,mode,uid,gid,size,link,nlink,device,time,sha256";

/** A source tree with what the tools say of it, asked for once. */
export class Snapshot {
  readonly path: string;
  readonly dump: string;
  readonly mtree: string;

  constructor(path: string) {
    this.path = path;
    this.dump = dumpDirectory(path);
    this.mtree = mtree(path);
  }
}

/**
 * Fails unless `copy`, an extracted or mounted image, is the source in every respect that mtree(8), rsync(1) and the
 * project's dump can see.
 */
export function assertSameTree(t: ExecutionContext, source: Snapshot, copy: string, what: string): void {
  assertSameText(t, dumpDirectory(copy), source.dump, `${what}: dump`);
  assertSameText(t, mtree(copy), source.mtree, `${what}: mtree`);
  const rsync = ["-aHAXnc", "--delete", "--itemize-changes", `${source.path}/`, `${copy}/`];
  t.is(run("rsync", rsync), "", `${what}: rsync`);
}

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

/** Two specifications are compared as text: mtree's own comparison takes names for patterns. */
function mtree(path: string): string {
  return run("mtree", ["-c", "-k", mtreeKeywords, "-p", path])
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .join("\n");
}
