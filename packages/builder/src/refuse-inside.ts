import { dirname, join, relative, sep } from "node:path";

import { absolutePath, FileStatus, isLeftOut, nulTerminated, realPath, type Crossing } from "@puzzlefs/linux";

import { BuildError, rootFailure } from "./errors.ts";
import type { ResolvedOptions } from "./options.ts";

/**
 * A layout inside the tree would be read while it is written, and then be part of the next image. It may be on a file
 * system that the build does not enter. The walk looks again, for what mounts there are.
 */
export function refuseInside({ ociDir, rootfs, crossing }: ResolvedOptions): void {
  if (typeof rootfs !== "string") return;
  let tree: string;
  try {
    tree = realPath(rootfs);
  } catch (error) {
    throw rootFailure(rootfs, error);
  }
  const layout = nearestReal(absolutePath(ociDir));
  if (isReached(layout, tree, crossing)) {
    throw new BuildError(ociDir, `the image layout is inside ${rootfs}, the tree to build from; put it elsewhere`);
  }
}

/** Whether a walk through `tree` comes to a directory; both are real paths. */
function isReached(directory: string, tree: string, crossing: Crossing): boolean {
  if (directory === tree) return true;
  if (!directory.startsWith(tree === sep ? sep : tree + sep)) return false;
  const status = new FileStatus();
  status.readPath(nulTerminated(tree));
  for (let at = tree, { device } = status; at !== directory; { device } = status) {
    at = join(at, relative(at, directory).split(sep)[0]);
    status.readPath(nulTerminated(at));
    if (isLeftOut(crossing, status, device)) return false;
  }
  return true;
}

/** The real path of the nearest ancestor that exists. */
function nearestReal(path: string): string {
  try {
    return realPath(path);
  } catch (error) {
    if (path === dirname(path)) throw error;
    return nearestReal(dirname(path));
  }
}
