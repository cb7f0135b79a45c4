import { closeSync, constants, lstatSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs";
import type { BigIntStats } from "node:fs";
import { descriptorPath, lgetxattr, llistxattr, majorOf, minorOf } from "@puzzlefs/linux";
import { dump } from "./dump.ts";
import type { DumpOptions } from "./dump.ts";
import { escapeBytes } from "./escape.ts";
import { rootInode } from "./path.ts";
import type { Attributes, InodeKind, Tree, TreeEntry } from "./tree.ts";
import { hostXattrReason } from "./xattr-names.ts";

export interface DirectoryTreeOptions {
  /** `counted` (default): names inside the tree, as an image of it has. `reported`: what stat(2) says, to test a mount. */
  links?: "counted" | "reported";
}

interface Node {
  /** Of one of its names; undefined for the root. */
  parent: Node | undefined;
  name: Uint8Array;
  attributes: Attributes;
  /** Sorted; of directories. */
  children: TreeEntry[];
}

const openDirectoriesKept = 64;

/**
 * A real directory (a source tree, an extracted image, a mount) as a Tree, so that it can be dumped and compared
 * like an image. It is scanned when opened; content, targets and xattrs are read when asked for. Inode
 * numbers are its own, in path order. Directories of other file systems appear empty, as `build` treats them.
 */
export class DirectoryTree implements Tree {
  readonly #nodes: Node[] = [];
  readonly #directories = new Map<Node, number>();
  readonly #root: number;
  readonly #path: string;
  #content: { ino: number; descriptor: number } | undefined;

  /** @throws what stat(2) and readdir(2) say, with the path */
  constructor(path: string | Uint8Array, options: DirectoryTreeOptions = {}) {
    this.#path = typeof path === "string" ? path : escapeBytes(path);
    const bytes = typeof path === "string" ? path : Buffer.from(path);
    this.#root = openSync(bytes, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      this.#scan(options.links ?? "counted");
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get inodeCount(): number {
    return this.#nodes.length;
  }

  get contentBytes(): number {
    return this.#nodes.reduce((sum, { attributes: a }) => sum + (a.kind === "file" ? a.size : 0), 0);
  }

  attributes(ino: number): Attributes | undefined {
    return this.#nodes[ino - 1]?.attributes;
  }

  lookup(directory: number, name: Uint8Array): number | undefined {
    const children = this.#nodes[directory - 1]?.children ?? [];
    let low = 0;
    let high = children.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (Buffer.compare((children[middle] as TreeEntry).name, name) < 0) low = middle + 1;
      else high = middle;
    }
    const found = children[low];
    return found !== undefined && Buffer.compare(found.name, name) === 0 ? found.ino : undefined;
  }

  entries(directory: number, cookie = 0): Iterable<TreeEntry> {
    return this.#nodes[directory - 1]?.children.slice(cookie) ?? [];
  }

  parent(directory: number): number {
    return this.#node(directory).parent?.attributes.ino ?? rootInode;
  }

  readlink(ino: number): Uint8Array {
    return this.#at(ino, (path) => readlinkSync(path, { encoding: "buffer" }));
  }

  xattrs(ino: number): { name: Uint8Array; value: Uint8Array }[] {
    return this.#at(ino, (path) => {
      const names = llistxattr(path).filter((name) => hostXattrReason(name) === undefined);
      const found = names.map((name) => ({ name, value: lgetxattr(path, name) ?? new Uint8Array(0) }));
      return found.sort((a, b) => Buffer.compare(a.name, b.name));
    });
  }

  read(ino: number, offset: number, into: Uint8Array): number {
    if (this.#content?.ino !== ino) {
      this.#closeContent();
      const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
      this.#content = { ino, descriptor: this.#at(ino, (path) => openSync(path, flags)) };
    }
    const { descriptor } = this.#content as { descriptor: number };
    let done = 0;
    while (done < into.length) {
      const count = readSync(descriptor, into, done, into.length - done, offset + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  close(): void {
    this.#closeContent();
    for (const descriptor of this.#directories.values()) closeSync(descriptor);
    this.#directories.clear();
    closeSync(this.#root);
  }

  #scan(links: "counted" | "reported"): void {
    const known = new Map<string, Node>();
    const root = this.#add(
      undefined,
      new Uint8Array(0),
      lstatSync(descriptorPath(this.#root, Buffer.from(".")), { bigint: true }),
    );
    const device = lstatSync(descriptorPath(this.#root, Buffer.from(".")), { bigint: true }).dev;
    const pending = [root];
    for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
      const subdirectories: Node[] = [];
      for (const name of this.#names(directory)) {
        const stat = this.#in(directory, name, (path) => lstatSync(path, { bigint: true }));
        const identity = `${stat.dev}:${stat.ino}`;
        const shared = stat.nlink > 1n && !stat.isDirectory();
        const earlier = shared ? known.get(identity) : undefined;
        const node = earlier ?? this.#add(directory, name, stat);
        if (shared) known.set(identity, node);
        if (links === "counted") {
          if (earlier !== undefined) node.attributes.nlink += 1;
          if (stat.isDirectory()) directory.attributes.nlink += 1;
        }
        const { ino, kind } = node.attributes;
        directory.children.push({ cookie: directory.children.length + 1, name, ino, kind });
        if (stat.isDirectory() && stat.dev === device) subdirectories.push(node);
      }
      pending.push(...subdirectories.reverse());
    }
    if (links === "counted") return;
    for (const node of this.#nodes)
      node.attributes.nlink = this.#at(node.attributes.ino, (path) => lstatSync(path).nlink);
  }

  #add(parent: Node | undefined, name: Uint8Array, stat: BigIntStats): Node {
    const node: Node = { parent, name, attributes: attributesOf(stat, this.#nodes.length + 1), children: [] };
    this.#nodes.push(node);
    return node;
  }

  #names(directory: Node): Buffer[] {
    const path = descriptorPath(this.#openDirectory(directory));
    return this.#explain(directory, () => readdirSync(path, { encoding: "buffer" })).sort(Buffer.compare);
  }

  #node(ino: number): Node {
    const node = this.#nodes[ino - 1];
    if (node === undefined) throw new Error(`${this.#path}: no inode ${ino}`);
    return node;
  }

  /** Calls with a path to the inode that no symbolic link on the way and no length can disturb. */
  #at<T>(ino: number, call: (path: Buffer) => T): T {
    const node = this.#node(ino);
    if (node.parent === undefined) return this.#explain(node, () => call(descriptorPath(this.#root, Buffer.from("."))));
    return this.#in(node.parent, node.name, call);
  }

  #in<T>(directory: Node, name: Uint8Array, call: (path: Buffer) => T): T {
    const path = descriptorPath(this.#openDirectory(directory), name);
    return this.#explain(directory, () => call(path), name);
  }

  #explain<T>(node: Node, call: () => T, name?: Uint8Array): T {
    try {
      return call();
    } catch (error) {
      const names = name === undefined ? [] : [name];
      for (let n: Node = node; n.parent !== undefined; n = n.parent) names.unshift(n.name);
      const path = [this.#path, ...names.map((part) => escapeBytes(part))].join("/");
      const { code } = error as NodeJS.ErrnoException;
      throw Object.assign(new Error(`${path}: ${code ?? (error as Error).message}`, { cause: error }), { code, path });
    }
  }

  #openDirectory(node: Node): number {
    const missing: Node[] = [];
    let at: Node = node;
    while (at.parent !== undefined && !this.#directories.has(at)) {
      missing.push(at);
      at = at.parent;
    }
    let descriptor = at.parent === undefined ? this.#root : (this.#directories.get(at) as number);
    for (const next of missing.reverse()) {
      const path = descriptorPath(descriptor, next.name);
      const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
      descriptor = this.#explain(next, () => openSync(path, flags));
      this.#directories.set(next, descriptor);
      if (this.#directories.size > openDirectoriesKept) this.#closeOldestBut(next);
    }
    return descriptor;
  }

  #closeOldestBut(node: Node): void {
    for (const [other, descriptor] of this.#directories) {
      if (other === node) continue;
      closeSync(descriptor);
      this.#directories.delete(other);
      return;
    }
  }

  #closeContent(): void {
    if (this.#content !== undefined) closeSync(this.#content.descriptor);
    this.#content = undefined;
  }
}

const kinds = new Map<number, InodeKind>([
  [constants.S_IFREG, "file"],
  [constants.S_IFDIR, "dir"],
  [constants.S_IFLNK, "lnk"],
  [constants.S_IFCHR, "chr"],
  [constants.S_IFBLK, "blk"],
  [constants.S_IFIFO, "fifo"],
  [constants.S_IFSOCK, "sock"],
]);

const nanosecondsPerSecond = 1_000_000_000n;

function attributesOf(stat: BigIntStats, ino: number): Attributes {
  const mode = Number(stat.mode);
  const kind = kinds.get(mode & constants.S_IFMT) as InodeKind;
  const isDevice = kind === "chr" || kind === "blk";
  const nanoseconds = ((stat.mtimeNs % nanosecondsPerSecond) + nanosecondsPerSecond) % nanosecondsPerSecond;
  return {
    ino,
    kind,
    mode,
    nlink: kind === "dir" ? 2 : 1,
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    size: kind === "file" || kind === "lnk" ? Number(stat.size) : 0,
    major: isDevice ? majorOf(Number(stat.rdev)) : 0,
    minor: isDevice ? minorOf(Number(stat.rdev)) : 0,
    mtimeSeconds: Number((stat.mtimeNs - nanoseconds) / nanosecondsPerSecond),
    mtimeNanoseconds: Number(nanoseconds),
  };
}

/** The canonical dump of a real directory, to be compared with that of an image line by line. */
export function dumpDirectory(
  path: string | Uint8Array,
  write: (line: string) => void,
  options: DumpOptions & DirectoryTreeOptions = {},
): void {
  const tree = new DirectoryTree(path, options);
  try {
    dump(tree, write, options);
  } finally {
    tree.close();
  }
}
