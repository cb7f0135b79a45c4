import { closeSync, constants, openSync, readdirSync, readlinkSync } from "node:fs";

import { printable } from "@puzzlefs/linux";

import { noPieces } from "./content-stream.ts";
import { BuildError, readFailure } from "./errors.ts";
import { FileStatus } from "@puzzlefs/linux";
import type { MtimePolicy } from "./options.ts";
import type { NodeKind, Numbering, TreeEntry, TreeNode } from "./tree.ts";
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

const noEntries: TreeEntry[] = Object.freeze([] as TreeEntry[]) as TreeEntry[];

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
  /** Called for each regular file once, in the order of the tree, while `fsPath` leads to it and `status` is its. */
  onFile: (node: TreeNode, fsPath: Buffer, path: string, status: FileStatus) => void;
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
  #device = "";
  #status = new FileStatus();

  constructor(options: WalkOptions) {
    this.#options = options;
  }

  run(): TreeNode[] {
    const path = Buffer.from(this.#options.rootfs).toString("latin1");
    const terminated = terminatedPath(path);
    this.#readStatus(terminated, path);
    if ((this.#status.mode & constants.S_IFMT) !== constants.S_IFDIR) {
      throw new BuildError(this.#options.rootfs, "not a directory");
    }
    this.#device = this.#status.device;
    const root = this.#addNode(1, "dir", terminated, path);

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
  #visitEntry(directory: TreeNode, name: string, fsPath: string, path: string): TreeNode | undefined {
    const terminated = terminatedPath(fsPath);
    this.#readStatus(terminated, path);
    const { mode, nlink } = this.#status;
    const kind = kinds.get(mode & constants.S_IFMT);
    if (kind === undefined) {
      throw new BuildError(printable(terminated), `unknown file type, mode ${mode.toString(8)}`);
    }
    const ino = this.#options.numbering.number(directory, name, kind);

    const linkKey = kind !== "dir" && nlink > 1 ? this.#status.identity : undefined;
    const linked = linkKey === undefined ? undefined : this.#hardLinks.get(linkKey);
    if (linked !== undefined) {
      directory.entries.push({ name, ino: linked.ino });
      return undefined;
    }
    const node = this.#addNode(ino, kind, terminated, path);
    if (linkKey !== undefined) this.#hardLinks.set(linkKey, node);
    directory.entries.push({ name, ino });
    if (kind === "file") this.#options.onFile(node, terminated.subarray(0, -1), path, this.#status);
    return kind === "dir" && this.#status.device === this.#device ? node : undefined;
  }

  /** Makes a node of what `#status` says. */
  #addNode(ino: number, kind: NodeKind, terminated: Buffer, path: string): TreeNode {
    const status = this.#status;
    const isDevice = kind === "chr" || kind === "blk";
    const node: TreeNode = {
      ino,
      kind,
      uid: status.uid,
      gid: status.gid,
      permissions: status.mode & 0o7777,
      major: isDevice ? status.major : 0,
      minor: isDevice ? status.minor : 0,
      ...mtimeOf(status, this.#options.mtime),
      xattrs: this.#options.xattrs.read(terminated, path),
      target: kind === "lnk" ? readTarget(terminated, path) : undefined,
      size: kind === "file" ? status.size : 0,
      pieces: noPieces,
      entries: kind === "dir" ? [] : noEntries,
    };
    this.#nodes.push(node);
    return node;
  }

  #readStatus(terminated: Buffer, path: string): void {
    try {
      this.#status.readPath(terminated);
    } catch (error) {
      throw readFailure(path, "read", error);
    }
  }
}

/** A latin1 path as the system takes it. */
function terminatedPath(path: string): Buffer {
  const bytes = Buffer.allocUnsafe(path.length + 1);
  bytes.write(path, "latin1");
  bytes[path.length] = 0;
  return bytes;
}

function readTarget(terminated: Buffer, path: string): Buffer {
  return attempt(path, () => readlinkSync(terminated.subarray(0, -1), { encoding: "buffer" }));
}

function compareBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function attempt<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw readFailure(path, "read", error);
  }
}

/** The modification time that the image records. */
function mtimeOf(status: FileStatus, policy: MtimePolicy): { mtimeSeconds: number; mtimeNanoseconds: number } {
  if (policy.kind === "zero") return { mtimeSeconds: 0, mtimeNanoseconds: 0 };
  const { mtimeSeconds, mtimeNanoseconds } = status;
  if (policy.kind === "clamp" && mtimeSeconds >= policy.seconds) {
    return { mtimeSeconds: policy.seconds, mtimeNanoseconds: 0 };
  }
  return { mtimeSeconds, mtimeNanoseconds };
}
