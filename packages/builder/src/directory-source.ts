import { constants } from "node:fs";

import {
  bytesOf,
  Descent,
  Directory,
  FileStatus,
  hasCode,
  isLeftOut,
  listDirectory,
  printable,
  readlinkat,
  SystemError,
  type Crossing,
  type Level,
} from "@puzzlefs/linux";

import { noPieces } from "./content-stream.ts";
import { BuildError, changed, readFailure, rootFailure } from "./errors.ts";
import type { Omissions } from "./omissions.ts";
import type { MtimePolicy } from "./options.ts";
import type { FoundFile, NodeKind, Numbering, TreeEntry, TreeNode } from "./tree-node.ts";
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
  /** Which directories of other file systems are entered. */
  crossing: Crossing;
  /** Identities of directories that are written meanwhile: they must not be in the tree. */
  written: ReadonlySet<string>;
  omissions: Omissions;
  /** Called for each name. */
  check: () => void;
}

/**
 * Walks a tree as the Rust tool does: directories depth-first in byte order, and in each all entries numbered in byte
 * order before any subdirectory is entered. Hard links share the number of the name met first; directories that are left
 * out with all that is below them are empty, with the attributes that are seen there. Returns every inode, each once. Throws a BuildError.
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
    throw rootFailure(rootfs, error);
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
      this.#options.check();
      const file = { directory, name: terminated(name), path: `${path}/${name}`, status: this.#status };
      if (!this.#find(file, level)) {
        this.#addPlaceholder(node, name, file);
        continue;
      }
      const child = this.#visitEntry(node, name, file);
      if (child === undefined || this.#leavesOut(file, level)) continue;
      if (this.#options.written.has(this.#status.identity)) throw layoutInside(file.path);
      subdirectories.push({ node: child, level: this.#descent.level(level, file.name, this.#status), path: file.path });
    }
    stack.push(...subdirectories.reverse());
  }

  /** Reads the status of an entry; false for a mount point that is left out and whose file system does not answer. */
  #find({ directory, name, path }: FoundFile, { device }: Level): boolean {
    const status = this.#status;
    try {
      status.readAt(directory, name);
      return true;
    } catch (error) {
      const isMount = status.readMountAt(directory, name) && status.isMountRoot === true;
      if (isMount && isLeftOut(this.#options.crossing, status, device)) return false;
      throw readFailure(path, "read", error);
    }
  }

  /** A directory in place of a mount point of which nothing is known. */
  #addPlaceholder(directory: TreeNode, name: string, { path }: FoundFile): void {
    const ino = this.#options.numbering.number(directory, name, "dir");
    const unknown = { uid: 0, gid: 0, major: 0, minor: 0, mtimeSeconds: 0, mtimeNanoseconds: 0, xattrs: [], size: 0 };
    const node: TreeNode = {
      ino,
      kind: "dir",
      permissions: 0o755,
      target: undefined,
      pieces: noPieces,
      entries: [],
      ...unknown,
    };
    this.#nodes.push(node);
    directory.entries.push({ name, ino });
    this.#options.omissions.add(...mountPoint, path);
  }

  /** Whether a directory remains empty in the image, because it is on another file system than its parent. */
  #leavesOut({ path, status }: FoundFile, parent: Level): boolean {
    const { crossing, omissions } = this.#options;
    if (!isLeftOut(crossing, status, parent.device)) return false;
    const [what, why] = status.isMountRoot === false ? subvolume : mountPoint;
    omissions.add(what, why, path);
    return true;
  }

  /** Numbers one entry. Returns its node if it is a directory. */
  #visitEntry(directory: TreeNode, name: string, file: FoundFile): TreeNode | undefined {
    const { mode, nlink } = this.#status;
    const kind = kinds.get(mode & constants.S_IFMT);
    if (kind === undefined) {
      throw new BuildError(printable(Buffer.from(file.path, "latin1")), `unknown file type, mode ${mode.toString(8)}`);
    }
    if (kind === "file" && this.#status.size > Number.MAX_SAFE_INTEGER) throw tooLarge(file.path);
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

const mountPoint = ["mount point", "another file system is mounted there (--cross-mounts includes it)"] as const;
const subvolume = ["subvolume", "--one-file-system leaves it out"] as const;

function tooLarge(path: string): BuildError {
  return new BuildError(
    printable(Buffer.from(path, "latin1")),
    "a file of 2^53 bytes or more; an image holds up to 2^53 - 1",
  );
}

function layoutInside(path: string): BuildError {
  const what = "it is the image layout that is being written, inside the tree to build from; put it elsewhere";
  return new BuildError(printable(Buffer.from(path, "latin1")), what);
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
