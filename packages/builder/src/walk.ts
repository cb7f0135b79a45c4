import { closeSync, constants, lstatSync, openSync, readdirSync, readlinkSync, type BigIntStats } from "node:fs";

import { majorOf, minorOf, printable } from "@puzzlefs/oci";

import { BuildError, readFailure } from "./errors.ts";
import type { MtimePolicy } from "./options.ts";
import type { NodeKind, Numbering, TreeNode } from "./tree.ts";
import type { XattrReader } from "./xattrs.ts";

/** Room for the longest name and a slash below the system's limit on paths. */
const longestPath = 4096 - 257;

const kinds = new Map<number, NodeKind>([
  [constants.S_IFREG, "file"],
  [constants.S_IFDIR, "dir"],
  [constants.S_IFLNK, "lnk"],
  [constants.S_IFCHR, "chr"],
  [constants.S_IFBLK, "blk"],
  [constants.S_IFIFO, "fifo"],
  [constants.S_IFSOCK, "sock"],
]);

/** A directory that was numbered but not read yet. */
interface Waiting {
  node: TreeNode;
  /** As the system can reach it, and as messages name it; latin1. */
  fsPath: string;
  path: string;
}

export interface WalkOptions {
  rootfs: string;
  mtime: MtimePolicy;
  xattrs: XattrReader;
  numbering: Numbering;
  /** Called for each regular file once, in the order of the tree, while `fsPath` still leads to it. */
  onFile: (node: TreeNode, fsPath: Buffer, path: string, stats: BigIntStats) => void;
}

/**
 * Walks a tree as the Rust tool does: directories depth-first in byte order, and in each all entries numbered in byte
 * order before any subdirectory is entered. Hard links share the number of the name met first; mount points of other
 * file systems are empty directories. Returns every inode, each once. Throws a BuildError.
 */
export function walkTree(options: WalkOptions): TreeNode[] {
  return new Walk(options).run();
}

class Walk {
  #options: WalkOptions;
  #nodes: TreeNode[] = [];
  /** By device and inode, only what has several names. */
  #hardLinks = new Map<string, TreeNode>();
  #device = 0n;

  constructor(options: WalkOptions) {
    this.#options = options;
  }

  run(): TreeNode[] {
    const path = Buffer.from(this.#options.rootfs).toString("latin1");
    const stats = statOf(Buffer.from(path, "latin1"), path);
    if (!stats.isDirectory()) throw new BuildError(this.#options.rootfs, "not a directory");
    this.#device = stats.dev;
    const root = this.#addNode(1, stats, Buffer.from(path, "latin1"), path);

    // A stack, not recursion: depth is the tree's to choose. A number on it is a descriptor to close on the way back.
    const stack: (Waiting | number)[] = [{ node: root, fsPath: path, path }];
    try {
      for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
        if (typeof next === "number") closeSync(next);
        else this.#visit(next, stack);
      }
    } finally {
      for (const left of stack) if (typeof left === "number") closeSync(left);
    }
    return this.#nodes;
  }

  #visit(directory: Waiting, stack: (Waiting | number)[]): void {
    let { fsPath } = directory;
    if (fsPath.length > longestPath) {
      // Too deep for a path: go on from a descriptor, which is closed when everything below has been visited.
      const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
      const descriptor = attempt(directory.path, () => openSync(Buffer.from(fsPath, "latin1"), flags));
      stack.push(descriptor);
      fsPath = `/proc/self/fd/${descriptor}`;
    }
    const names = attempt(directory.path, () => readdirSync(Buffer.from(fsPath, "latin1"), { encoding: "latin1" }));
    const subdirectories: Waiting[] = [];
    for (const name of names.sort(compareBytes)) {
      const child = { fsPath: `${fsPath}/${name}`, path: `${directory.path}/${name}` };
      const node = this.#visitEntry(directory.node, name, child.fsPath, child.path);
      if (node !== undefined) subdirectories.push({ node, ...child });
    }
    stack.push(...subdirectories.reverse());
  }

  /** Numbers one entry. Returns its node if it is a directory to visit. */
  #visitEntry(directory: TreeNode, name: string, fsPathText: string, path: string): TreeNode | undefined {
    const fsPath = Buffer.from(fsPathText, "latin1");
    const stats = statOf(fsPath, path);
    const kind = kinds.get(Number(stats.mode) & constants.S_IFMT);
    if (kind === undefined)
      throw new BuildError(printable(fsPath), `unknown file type, mode ${stats.mode.toString(8)}`);
    const ino = this.#options.numbering.number(directory, name, kind);

    const linkKey = kind !== "dir" && stats.nlink > 1n ? `${stats.dev}:${stats.ino}` : undefined;
    const linked = linkKey === undefined ? undefined : this.#hardLinks.get(linkKey);
    if (linked !== undefined) {
      directory.entries.push({ name, ino: linked.ino });
      return undefined;
    }
    const node = this.#addNode(ino, stats, fsPath, path);
    if (linkKey !== undefined) this.#hardLinks.set(linkKey, node);
    directory.entries.push({ name, ino });
    if (kind === "file") this.#options.onFile(node, fsPath, path, stats);
    return kind === "dir" && stats.dev === this.#device ? node : undefined;
  }

  #addNode(ino: number, stats: BigIntStats, fsPath: Buffer, path: string): TreeNode {
    const mode = Number(stats.mode);
    const kind = kinds.get(mode & constants.S_IFMT) ?? "file";
    const device = kind === "chr" || kind === "blk" ? Number(stats.rdev) : 0;
    const node: TreeNode = {
      ino,
      kind,
      uid: Number(stats.uid),
      gid: Number(stats.gid),
      permissions: mode & 0o7777,
      major: majorOf(device),
      minor: minorOf(device),
      ...mtimeOf(stats, this.#options.mtime),
      xattrs: this.#options.xattrs.read(fsPath, path),
      target: kind === "lnk" ? attempt(path, () => readlinkSync(fsPath, { encoding: "buffer" })) : undefined,
      size: kind === "file" ? Number(stats.size) : 0,
      pieces: [],
      entries: [],
    };
    this.#nodes.push(node);
    return node;
  }
}

function compareBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function statOf(fsPath: Buffer, path: string): BigIntStats {
  return attempt(path, () => lstatSync(fsPath, { bigint: true }));
}

function attempt<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw readFailure(path, "read", error);
  }
}

const nanosecondsPerSecond = 1_000_000_000n;

/** The modification time that the image records, seconds and nanoseconds; floored, so also right before 1970. */
export function mtimeOf(stats: BigIntStats, policy: MtimePolicy): { mtimeSeconds: number; mtimeNanoseconds: number } {
  if (policy.kind === "zero") return { mtimeSeconds: 0, mtimeNanoseconds: 0 };
  const nanoseconds = ((stats.mtimeNs % nanosecondsPerSecond) + nanosecondsPerSecond) % nanosecondsPerSecond;
  const seconds = Number((stats.mtimeNs - nanoseconds) / nanosecondsPerSecond);
  if (policy.kind === "clamp" && seconds >= policy.seconds) {
    return { mtimeSeconds: policy.seconds, mtimeNanoseconds: 0 };
  }
  return { mtimeSeconds: seconds, mtimeNanoseconds: Number(nanoseconds) };
}
