import type { Inode, Rootfs } from "@puzzlefs/format";
import { findInode, nextName } from "./pending.ts";
import { rootInode } from "./path.ts";

export class InodeIndex {
  readonly #rootfs: Rootfs;
  #links: Map<number, number> | undefined;
  #parents = new Map<number, number>();
  constructor(rootfs: Rootfs) {
    this.#rootfs = rootfs;
  }
  get(ino: number): Inode | undefined {
    return findInode(this.#rootfs, ino);
  }
  #count(): Map<number, number> {
    if (this.#links) return this.#links;
    const links = new Map([[1, 2]]);
    const stack = [1];
    this.#parents.set(1, 1);
    for (let d = stack.pop(); d !== undefined; d = stack.pop()) {
      for (let n = nextName(this.#rootfs, d, 0); n; n = nextName(this.#rootfs, d, n.cookie)) {
        const isDir = n.inode.mode.kind === "dir";
        links.set(n.entry.ino, (links.get(n.entry.ino) ?? (isDir ? 1 : 0)) + 1);
        if (isDir) {
          stack.push(n.entry.ino);
          this.#parents.set(n.entry.ino, d);
          links.set(d, (links.get(d) as number) + 1);
        }
      }
    }
    return (this.#links = links);
  }
  links(ino: number): number {
    return this.#count().get(ino) ?? 0;
  }
  parent(d: number): number {
    this.#count();
    return this.#parents.get(d) ?? rootInode;
  }
  get visibleCount(): number {
    return this.#count().size;
  }
  *visible(): Generator<Inode> {
    for (const ino of this.#count().keys()) yield this.get(ino) as Inode;
  }
}
