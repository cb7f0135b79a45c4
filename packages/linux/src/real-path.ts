import { close } from "./descriptors.ts";
import { hasCode, MissingProcError } from "./errors.ts";
import { FileStatus } from "./file-status.ts";
import { descriptorTarget, openNamed, realPath } from "./named-path.ts";
import { O_PATH } from "./open-flags.ts";

/**
 * The path at which an open file or directory is now, without links.
 *
 * @param named the path by which it was opened. Without /proc it is resolved again, and what it leads to must be the same.
 */
export function realPathOf(descriptor: number, named: string): string {
  try {
    return descriptorTarget(descriptor);
  } catch (error) {
    if (!hasCode(error, "ENOENT", "ENOTDIR")) throw error;
  }
  const path = realPath(named);
  const again = openNamed(path, O_PATH);
  try {
    const [opened, found] = [new FileStatus(), new FileStatus()];
    opened.readDescriptor(descriptor);
    found.readDescriptor(again);
    if (opened.identity !== found.identity) throw new MissingProcError(`the real path of ${named} cannot be found`);
    return path;
  } finally {
    close(again);
  }
}
