import { spawnSync } from "node:child_process";
import { accessSync, constants, mkdirSync, writeFileSync } from "node:fs";
import test, { type ExecutionContext } from "ava";
import { TestDirectory } from "./program-fixture.ts";

/** Mounting is not permitted in many containers. */
function canMount(): boolean {
  try {
    accessSync("/dev/fuse", constants.R_OK | constants.W_OK);
  } catch {
    return false;
  }
  return process.geteuid?.() === 0 && spawnSync("unshare", ["--mount", "true"]).status === 0;
}

export const mountTest = canMount() ? test.serial : test.skip;

/** A test directory with an image store:v1 of a directory root/ with a file, and a mount point mnt/. */
export async function withImage(t: ExecutionContext): Promise<TestDirectory> {
  const directory = new TestDirectory();
  mkdirSync(directory.path("root"));
  mkdirSync(directory.path("mnt"));
  writeFileSync(directory.path("root/file"), "content\n");
  const { code, stderr } = await directory.run("build", "-c", "--mtime", "keep", "root", "store:v1");
  t.is(code, 0, stderr);
  return directory;
}

/** Unmounts all mounts that a failed test has left, so that the test directory can be removed. */
export function unmountLeftover(directory: TestDirectory): void {
  spawnSync("umount", ["--quiet", "--lazy", directory.path("mnt")]);
}
