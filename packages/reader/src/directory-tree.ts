import { constants, readSync } from "node:fs";
import { kindOfMode, ROOT_INO } from "@puzzlefs/format";
import {
  close,
  Descent,
  Directory,
  FileStatus,
  lgetxattrAt,
  listDirectory,
  llistxattrAt,
  openat,
  readlinkat,
  reasonOf,
} from "@puzzlefs/linux";
import type { Level } from "@puzzlefs/linux";
import { dump } from "./dump.ts";
import type { DumpOptions } from "./dump.ts";
import { escapeBytes } from "./escape.ts";
import type { Attributes, InodeKind, Tree, TreeEntry } from "./tree.ts";
import { hostXattrReason } from "./xattr-names.ts";

export interface DirectoryTreeOptions {
  /** `counted` (default): names inside the tree, as an image of it has. `reported`: what stat(2) returns, to test a mount. */
  links?: "counted" | "reported";
}

interface Node {
  /** Of one of its names; undefined for the root. */
  parent: Node | undefined;
  name: Uint8Array;
  attributes: Attributes;
  /** Sorted; of directories. */
  children: TreeEntry[];
  /** Of directories. */
  level: Level | undefined;
}

const ownName = Buffer.from(".");

/**
 * A real directory (a source tree, an extracted image, a mount) as a Tree, so that it can be dumped and compared
 * like an image. It is scanned when opened; content, targets and xattrs are read when asked for. Inode
 * numbers are its own, in path order. Directories of other file systems appear empty, as `build` treats them.
 */
export class DirectoryTree implements Tree {
  readonly #nodes: Node[] = [];
  readonly #descent: Descent;
  readonly #path: string;
  readonly #status = new FileStatus();
  #content: { ino: number; descriptor: number } | undefined;

  /** @throws what opening, statx(2) and reading directories throw, with the path */
  constructor(path: string | Uint8Array, options: DirectoryTreeOptions = {}) {
    this.#path = typeof path === "string" ? path : escapeBytes(path);
    using root = Directory.open(path);
    try {
      this.#descent = new Descent(root.descriptor, (level, cause) => this.#failure(level, cause ?? new ChangedError()));
    } catch (error) {
      throw this.#failure(undefined, error);
    }
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
    return this.#node(directory).parent?.attributes.ino ?? ROOT_INO;
  }

  readlink(ino: number): Uint8Array {
    return this.#at(ino, readlinkat);
  }

  xattrs(ino: number): { name: Uint8Array; value: Uint8Array }[] {
    return this.#at(ino, (directory, file) => {
      const names = llistxattrAt(directory, file).filter((name) => hostXattrReason(name) === undefined);
      const found = names.map((name) => ({ name, value: lgetxattrAt(directory, file, name) ?? new Uint8Array(0) }));
      return found.sort((a, b) => Buffer.compare(a.name, b.name));
    });
  }

  read(ino: number, offset: number, into: Uint8Array): number {
    if (this.#content?.ino !== ino) {
      this.#closeContent();
      this.#content = { ino, descriptor: this.#at(ino, (directory, name) => this.#openFile(directory, name)) };
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
    this.#descent.close();
  }

  #scan(links: "counted" | "reported"): void {
    const known = new Map<string, Node>();
    const status = this.#status;
    const { root: level } = this.#descent;
    status.readDescriptor(this.#descent.enter(level));
    const pending = [this.#add(undefined, ownName, level)];
    for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
      const subdirectories: Node[] = [];
      for (const name of this.#names(directory)) {
        this.#in(directory, name, (descriptor) => status.readAt(descriptor, name));
        const isDirectory = status.type === constants.S_IFDIR;
        const shared = status.nlink > 1 && !isDirectory;
        const earlier = shared ? known.get(status.identity) : undefined;
        const below = isDirectory ? this.#descent.level(directory.level as Level, name, status) : undefined;
        const node = earlier ?? this.#add(directory, name, below);
        if (shared) known.set(status.identity, node);
        if (links === "counted") {
          if (earlier !== undefined) node.attributes.nlink += 1;
          if (isDirectory) directory.attributes.nlink += 1;
        }
        const { ino, kind } = node.attributes;
        directory.children.push({ cookie: directory.children.length + 1, name, ino, kind });
        if (isDirectory && status.device === level.device) subdirectories.push(node);
      }
      pending.push(...subdirectories.reverse());
    }
    if (links === "counted") return;
    for (const { attributes } of this.#nodes) {
      this.#at(attributes.ino, (directory, name) => status.readAt(directory, name));
      attributes.nlink = status.nlink;
    }
  }

  /** Adds a node with the attributes in `#status`. */
  #add(parent: Node | undefined, name: Uint8Array, level: Level | undefined): Node {
    const node: Node = {
      parent,
      name,
      attributes: attributesOf(this.#status, this.#nodes.length + 1),
      children: [],
      level,
    };
    this.#nodes.push(node);
    return node;
  }

  #names({ level }: Node): Buffer[] {
    const descriptor = this.#descent.enter(level as Level);
    try {
      return listDirectory(descriptor)
        .map(({ name }) => name)
        .sort(Buffer.compare);
    } catch (error) {
      throw this.#failure(level, error);
    }
  }

  #node(ino: number): Node {
    const node = this.#nodes[ino - 1];
    if (node === undefined) throw new Error(`${this.#path}: no inode ${ino}`);
    return node;
  }

  /** Calls `use` with the inode's directory and its name there: neither symbolic links nor the length of the path matter. */
  #at<T>(ino: number, call: (directory: number, name: Uint8Array) => T): T {
    const node = this.#node(ino);
    return this.#in(node.parent ?? node, node.name, call);
  }

  #in<T>({ level }: Node, name: Uint8Array, call: (directory: number, name: Uint8Array) => T): T {
    const directory = this.#descent.enter(level as Level);
    try {
      return call(directory, name);
    } catch (error) {
      throw this.#failure(level, error, name);
    }
  }

  /** Only a regular file is read: the name may be that of a device since the scan. */
  #openFile(directory: number, name: Uint8Array): number {
    const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
    const descriptor = openat(directory, name, flags);
    this.#status.readDescriptor(descriptor);
    if (this.#status.type === constants.S_IFREG) return descriptor;
    close(descriptor);
    throw new ChangedError();
  }

  #failure(level: Level | undefined, cause: unknown, name?: Uint8Array): Error {
    const names = name === undefined || name === ownName ? [] : [name];
    for (let at = level; at?.parent !== undefined; at = at.parent) names.unshift(at.name);
    const path = [this.#path, ...names.map((part) => escapeBytes(part))].join("/");
    const { code } = cause as NodeJS.ErrnoException;
    return Object.assign(new Error(`${path}: ${reasonOf(cause)}`, { cause }), { code, path });
  }

  #closeContent(): void {
    if (this.#content !== undefined) close(this.#content.descriptor);
    this.#content = undefined;
  }
}

class ChangedError extends Error {
  override readonly name = "ChangedError";

  constructor() {
    super("it changed while the tree was being read");
  }
}

function attributesOf(status: FileStatus, ino: number): Attributes {
  const kind = kindOfMode(status.mode) as InodeKind;
  const isDevice = kind === "chr" || kind === "blk";
  return {
    ino,
    kind,
    mode: status.mode,
    nlink: kind === "dir" ? 2 : 1,
    uid: status.uid,
    gid: status.gid,
    size: kind === "file" || kind === "lnk" ? status.size : 0,
    major: isDevice ? status.major : 0,
    minor: isDevice ? status.minor : 0,
    mtimeSeconds: status.mtimeSeconds,
    mtimeNanoseconds: status.mtimeNanoseconds,
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
