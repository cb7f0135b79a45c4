import { Bytes, traitsOfName } from "@puzzlefs/format";
import type { Attributes, TreeEntry } from "@puzzlefs/reader";
import { type FixtureEntry, modeOf } from "@puzzlefs/posix-suite";
import type { MountableTree } from "../../packages/fuse/src/operations/mountable.ts";

interface Inode {
  attributes: Attributes;
  entry: FixtureEntry;
  parent: number;
  /** Of a directory, in order; by name as latin1. */
  children: TreeEntry[];
  byName: Map<string, number>;
  content?: Uint8Array;
}

/** A fixture as a Tree, for mounting without an image. */
export class MemoryTree implements MountableTree {
  readonly #inodes = new Map<number, Inode>();
  readonly #byPath = new Map<string, number>();
  readonly traits: number;
  inodeCount = 0;
  contentBytes = 0;
  readonly #beforeRead = new Map<number, () => void>();

  /**
   * @param entries parents before children, the root ("") first
   * @param firstIno number of the inode after the root
   */
  constructor(entries: readonly FixtureEntry[], firstIno = 2) {
    let next = firstIno;
    for (const entry of entries) {
      const linked = entry.linkTo === undefined ? undefined : this.#number(entry.linkTo);
      const ino = linked ?? (entry.path === "" ? 1 : next++);
      if (linked === undefined) this.#create(ino, entry);
      this.#byPath.set(entry.path, ino);
      if (entry.path !== "") this.#link(entry.path, ino);
    }
    const names = entries.flatMap((entry) => Object.keys(entry.xattrs ?? {}));
    this.traits = names.reduce((traits, name) => traits | traitsOfName(Bytes.of(Buffer.from(name))), 0);
  }

  /** The inode at `path`; throws if there is none. */
  #number(path: string): number {
    const ino = this.#byPath.get(path);
    if (ino === undefined) throw new Error(`no such entry: ${path}`);
    return ino;
  }

  #inode(ino: number): Inode {
    const inode = this.#inodes.get(ino);
    if (inode === undefined) throw new Error(`no inode ${ino}`);
    return inode;
  }

  #create(ino: number, entry: FixtureEntry): void {
    const size = entry.content?.length ?? entry.target?.length ?? 0;
    const attributes: Attributes = {
      ino,
      kind: entry.kind,
      mode: modeOf(entry.kind, entry.permissions),
      nlink: entry.kind === "dir" ? 2 : 0,
      uid: entry.uid,
      gid: entry.gid,
      size,
      major: entry.device?.major ?? 0,
      minor: entry.device?.minor ?? 0,
      mtimeSeconds: entry.mtimeSeconds,
      mtimeNanoseconds: entry.mtimeNanoseconds,
    };
    this.#inodes.set(ino, { attributes, entry, parent: 1, children: [], byName: new Map() });
    this.inodeCount++;
    this.contentBytes += size;
  }

  #link(path: string, ino: number): void {
    const slash = path.lastIndexOf("/");
    const name = path.slice(slash + 1);
    const parent = this.#number(slash < 0 ? "" : path.slice(0, slash));
    const directory = this.#inode(parent);
    const inode = this.#inode(ino);
    const cookie = directory.children.length + 1;
    directory.children.push({ cookie, name: Buffer.from(name, "latin1"), ino, kind: inode.attributes.kind });
    directory.byName.set(name, ino);
    inode.parent = parent;
    if (inode.attributes.kind === "dir") directory.attributes.nlink++;
    else inode.attributes.nlink++;
  }

  /** Makes reads of the file at `path` fail. */
  breakFile(path: string): void {
    this.beforeRead(path, () => {
      throw new Error("blob missing");
    });
  }

  /** Has `action` called before each read of the file at `path`. */
  beforeRead(path: string, action: () => void): void {
    this.#beforeRead.set(this.#number(path), action);
  }

  attributes(ino: number): Attributes | undefined {
    return this.#inodes.get(ino)?.attributes;
  }

  lookup(directory: number, name: Uint8Array): number | undefined {
    return this.#inodes
      .get(directory)
      ?.byName.get(Buffer.from(name.buffer, name.byteOffset, name.length).toString("latin1"));
  }

  *entries(directory: number, cookie = 0): Iterable<TreeEntry> {
    const { children } = this.#inode(directory);
    for (let index = cookie; index < children.length; index++) yield children[index];
  }

  parent(directory: number): number {
    return this.#inode(directory).parent;
  }

  readlink(ino: number): Uint8Array {
    return Buffer.from(this.#inode(ino).entry.target ?? "", "latin1");
  }

  xattrs(ino: number): { name: Uint8Array; value: Uint8Array }[] {
    const xattrs = Object.entries(this.#inode(ino).entry.xattrs ?? {});
    return xattrs.map(([name, value]) => ({ name: Buffer.from(name), value: Buffer.from(value, "latin1") }));
  }

  read(ino: number, offset: number, into: Uint8Array): number {
    this.#beforeRead.get(ino)?.();
    const content = this.#content(ino);
    const part = content.subarray(offset, offset + into.length);
    into.set(part);
    return part.length;
  }

  /** Encoded once. */
  #content(ino: number): Uint8Array {
    const inode = this.#inode(ino);
    inode.content ??= Buffer.from(inode.entry.content ?? "", "latin1");
    return inode.content;
  }

  close(): void {
    this.#inodes.clear();
  }
}
