/** Temporary directories of a test file, for code that ava runs. */
import { execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { registerCompletionHandler } from "ava";

/** An empty directory, removed when the tests of this file have ended. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "puzzlefs-test-"));
  registerCompletionHandler(() => removeTree(directory));
  return directory;
}

/** Removes a directory with everything in it; it may be gone already. */
export function removeTree(path: string): void {
  // Not rmSync, which recurses by path: paths may be longer than PATH_MAX.
  execFileSync("rm", ["-rf", path]);
}
