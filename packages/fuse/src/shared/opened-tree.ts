import type { MountableTree } from "../operations/mountable.ts";

/** A tree, until it is disposed of: mounts may share it. */
export interface OpenedTree extends Disposable {
  readonly tree: MountableTree;
}
