import { rmSync } from "node:fs";
import { join } from "node:path";
import { lremovexattr } from "@puzzlefs/linux";
import { makeHostileTree } from "../support/trees/hostile.ts";

/** A tree with everything that archives can have. */
export function makeArchivableTree(root: string): void {
  makeHostileTree(root, { largeDirectory: 50, sparseBytes: 3_000_000 });
  for (const name of ["special/socket", "links/socket"]) rmSync(join(root, name), { force: true });
  // Programs disagree about names with "=", and some drop empty values.
  for (const name of ["user", "all"]) {
    const path = join(root, "attributes", name);
    lremovexattr(path, Buffer.from("user.\xff =\n", "latin1"));
    lremovexattr(path, "user.empty");
  }
}
