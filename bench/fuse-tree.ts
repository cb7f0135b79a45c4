/** The tree that all images are made of. */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, lstatSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { entriesBelow } from "@puzzlefs/qemu";
import type { Peer } from "./fuse-peers.ts";

export interface BenchTree {
  /** Its root directory, mounted for as long as images are made. */
  root: string;
  /** Path of a file of 64 MiB or more. */
  large: string;
  /** Where this file was put into a tree that had none. */
  added?: string;
  /** An empty directory. */
  empty: string;
}

const largeBytes = 64 << 20;
const addedName = "large";

/** `path`: relative to `root`. */
function largestFile(root: string): { path: string; size: number } {
  const largest = { path: "", size: -1 };
  for (const { path, entry } of entriesBelow(root)) {
    if (!entry.isFile()) continue;
    const { size } = lstatSync(path);
    if (size > largest.size) Object.assign(largest, { path: relative(root, path), size });
  }
  return largest;
}

/**
 * A tree without a large file gets this Node's program, through an overlay: nothing of it is copied.
 * @param directory for what belongs to the tree
 */
export function benchTree(rootfs: string, directory: string): BenchTree {
  const empty = join(directory, "empty");
  mkdirSync(empty, { recursive: true });
  const largest = largestFile(rootfs);
  if (largest.size >= largeBytes) return { root: rootfs, large: largest.path, empty };
  const extra = join(directory, "extra");
  if (!existsSync(extra)) {
    mkdirSync(extra);
    cpSync(process.execPath, join(extra, addedName));
  }
  return { root: join(directory, "tree"), large: addedName, added: addedName, empty };
}

/** Makes the images that are not there yet, each under its final name only when it is complete. */
export function makeImages(peers: readonly Peer[], rootfs: string, tree: BenchTree, directory: string): void {
  const missing = peers.filter((peer) => !existsSync(imagePath(peer, directory)));
  if (missing.length === 0) return;
  const overlay = tree.root !== rootfs;
  if (overlay) {
    mkdirSync(tree.root, { recursive: true });
    execFileSync("mount", ["-t", "overlay", "-o", `lowerdir=${join(directory, "extra")}:${rootfs}`, "none", tree.root]);
  }
  try {
    for (const peer of missing) {
      const image = imagePath(peer, directory);
      rmSync(`${image}.new`, { recursive: true, force: true });
      const [program = "", ...argv] = peer.make(tree.root, `${image}.new`);
      process.stderr.write(`image: ${peer.name}\n`);
      execFileSync(program, argv, { stdio: ["ignore", "ignore", "pipe"], maxBuffer: 1 << 26 });
      renameSync(`${image}.new`, image);
    }
  } finally {
    if (overlay) execFileSync("umount", [tree.root]);
  }
}

export function imagePath({ name }: Peer, directory: string): string {
  return join(directory, name.replaceAll(" ", "-"));
}
