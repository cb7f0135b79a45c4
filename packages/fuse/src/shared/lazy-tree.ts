import type { Attributes, Extent, TreeEntry } from "@puzzlefs/reader";
import type { MountableTree } from "../operations/mountable.ts";
import type { OpenedTree } from "./opened-tree.ts";
import type { TreeFacts } from "./protocol.ts";

/**
 * A tree that is opened at the first request for it. If that fails, the request does; the next one tries again. So the process that
 * takes over a hundred mounts opens none of them first, and dies of a bad one only while it answers a request for it.
 */
export class LazyTree implements MountableTree, OpenedTree {
  readonly traits: number | undefined;
  readonly hasHoles: boolean;
  readonly #open: () => OpenedTree;
  #image: OpenedTree | undefined;

  constructor(facts: TreeFacts, open: () => OpenedTree) {
    this.traits = facts.traits;
    this.hasHoles = facts.hasHoles === true;
    this.#open = open;
  }

  get inodeCount(): number {
    return this.#opened.inodeCount;
  }

  get contentBytes(): number {
    return this.#opened.contentBytes;
  }

  attributes(ino: number): Attributes | undefined {
    return this.#opened.attributes(ino);
  }

  lookup(directory: number, name: Uint8Array): number | undefined {
    return this.#opened.lookup(directory, name);
  }

  entries(directory: number, cookie?: number): Iterable<TreeEntry> {
    return this.#opened.entries(directory, cookie);
  }

  parent(directory: number): number {
    return this.#opened.parent(directory);
  }

  readlink(ino: number): Uint8Array {
    return this.#opened.readlink(ino);
  }

  xattrs(ino: number): ReturnType<MountableTree["xattrs"]> {
    return this.#opened.xattrs(ino);
  }

  read(ino: number, offset: number, into: Uint8Array): number {
    return this.#opened.read(ino, offset, into);
  }

  extent(ino: number, offset: number): Extent {
    const tree = this.#opened;
    return tree.extent?.(ino, offset) ?? { hole: false, end: tree.attributes(ino)?.size ?? 0 };
  }

  close(): void {
    this.#image?.[Symbol.dispose]();
    this.#image = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get tree(): this {
    return this;
  }

  get #opened(): MountableTree {
    this.#image ??= this.#open();
    return this.#image.tree;
  }
}
