import { constants } from "node:fs";

import {
  bytesOf,
  Descent,
  Directory,
  FileStatus,
  hasCode,
  listDirectory,
  printable,
  readlinkat,
  SystemError,
  type Level,
} from "@puzzlefs/linux";

import { noPieces } from "./content-stream.ts";
import { BuildError, changed, readFailure } from "./errors.ts";
import type { MtimePolicy } from "./options.ts";
import type { FoundFile, NodeKind, Numbering, TreeEntry, TreeNode } from "./tree.ts";
import type { XattrReader } from "./xattrs.ts";

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
  level: Level;
  /** For messages; latin1. */
  path: string;
}

export interface WalkOptions {
  rootfs: string;
  mtime: MtimePolicy;
  xattrs: XattrReader;
  numbering: Numbering;
  /** Called for each regular file once, in the order of the tree; what it is given is valid during the call. */
  onFile: (node: TreeNode, file: FoundFile) => void;
}

/**
 * Walks a tree as the Rust tool does: directories depth-first in byte order, and in each all entries numbered in byte
 * order before any subdirectory is entered. Hard links share the number of the name met first; mount points of other
 * file systems are empty directories. Returns every inode, each once. Throws a BuildError.
 *
 * Others may change the tree meanwhile: the walk then fails or has the one or the other state, but never leaves the
 * tree. Each directory is opened by its name in its parent, and everything in it is reached through its descriptor.
 */
export function walkTree(options: WalkOptions): TreeNode[] {
  using root = openRoot(options.rootfs);
  return new Walk(options, root).run();
}

/** Opens what the user named, with links as openNamed() follows them. */
function openRoot(rootfs: string): Directory {
  try {
    return Directory.open(rootfs);
  } catch (error) {
    if (hasCode(error, "ENOTDIR")) throw new BuildError(rootfs, "not a directory", error);
    if (hasCode(error, "ELOOP") && error instanceof SystemError) {
      throw new BuildError(rootfs, `cannot open: ${error.message}`, error);
    }
    throw readFailure(latin1(rootfs), "read", error);
  }
}

class Walk {
  readonly #options: WalkOptions;
  readonly #path: string;
  readonly #descent: Descent;
  readonly #nodes: TreeNode[] = [];
  /** By device and inode, only what has several names. */
  readonly #hardLinks = new Map<string, TreeNode>();
  readonly #status = new FileStatus();

  constructor(options: WalkOptions, root: Directory) {
    this.#options = options;
    this.#path = latin1(options.rootfs);
    this.#descent = attempt(
      this.#path,
      () => new Descent(root.descriptor, (level, cause) => this.#failure(level, cause)),
    );
  }

  run(): TreeNode[] {
    using descent = this.#descent;
    const { root: level } = descent;
    const [path, name] = [this.#path, Buffer.from(".\0")];
    const file = { directory: descent.enter(level), name, path, status: this.#status };
    this.#status.readDescriptor(file.directory);
    const root = this.#addNode(1, "dir", file);

    // A stack, not recursion: depth is the tree's to choose.
    const stack: Waiting[] = [{ node: root, level, path }];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) this.#visit(next, stack);
    return this.#nodes;
  }

  #visit({ node, level, path }: Waiting, stack: Waiting[]): void {
    const directory = this.#descent.enter(level);
    const names = attempt(path, () => listDirectory(directory)).map((entry) => entry.name.toString("latin1"));
    const subdirectories: Waiting[] = [];
    for (const name of names.sort(compareBytes)) {
      const file = { directory, name: terminated(name), path: `${path}/${name}`, status: this.#status };
      const child = this.#visitEntry(node, name, file);
      if (child === undefined || this.#status.device !== level.device) continue;
      subdirectories.push({ node: child, level: this.#descent.level(level, file.name, this.#status), path: file.path });
    }
    stack.push(...subdirectories.reverse());
  }

  /** Numbers one entry. Returns its node if it is a directory. */
  #visitEntry(directory: TreeNode, name: string, file: FoundFile): TreeNode | undefined {
    try {
      this.#status.readAt(file.directory, file.name);
    } catch (error) {
      throw readFailure(file.path, "read", error);
    }
    const { mode, nlink } = this.#status;
    const kind = kinds.get(mode & constants.S_IFMT);
    if (kind === undefined) {
      throw new BuildError(printable(Buffer.from(file.path, "latin1")), `unknown file type, mode ${mode.toString(8)}`);
    }
    const ino = this.#options.numbering.number(directory, name, kind);

    const linkKey = kind !== "dir" && nlink > 1 ? this.#status.identity : undefined;
    const linked = linkKey === undefined ? undefined : this.#hardLinks.get(linkKey);
    if (linked !== undefined) {
      directory.entries.push({ name, ino: linked.ino });
      return undefined;
    }
    const node = this.#addNode(ino, kind, file);
    if (linkKey !== undefined) this.#hardLinks.set(linkKey, node);
    directory.entries.push({ name, ino });
    if (kind === "file") this.#options.onFile(node, file);
    return kind === "dir" ? node : undefined;
  }

  /** Makes a node of what `#status` says. */
  #addNode(ino: number, kind: NodeKind, file: FoundFile): TreeNode {
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
      xattrs: this.#options.xattrs.read(file),
      target: kind === "lnk" ? attempt(file.path, () => readlinkat(file.directory, file.name)) : undefined,
      size: kind === "file" ? status.size : 0,
      pieces: noPieces,
      entries: kind === "dir" ? [] : noEntries,
    };
    this.#nodes.push(node);
    return node;
  }

  #failure(level: Level, cause: unknown): BuildError {
    let below = "";
    for (let at = level; at.parent !== undefined; at = at.parent) {
      below = `/${Buffer.from(at.name).toString("latin1", 0, at.name.length - 1)}${below}`;
    }
    const path = this.#path + below;
    return cause === undefined ? changed(path) : readFailure(path, "read", cause);
  }
}

function latin1(path: string): string {
  return bytesOf(path).toString("latin1");
}

/** A latin1 name as the system takes it. */
function terminated(name: string): Buffer {
  const bytes = Buffer.allocUnsafe(name.length + 1);
  bytes.write(name, "latin1");
  bytes[name.length] = 0;
  return bytes;
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
