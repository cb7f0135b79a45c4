import { ROOT_INO, MAX_PERMISSIONS } from "@puzzlefs/format";
import { sortedEntries, type Attributes, type Tree, type TreeEntry } from "@puzzlefs/reader";

import type { Omissions } from "../omissions.ts";
import { BLOCK_BYTES } from "./header.ts";
import type { SparseMap } from "./sparse-map.ts";
import { tarHeader, type NewMember } from "./tar-header.ts";

export interface ArchiveOptions {
  /** Files with holes become sparse members; otherwise holes are written as zeros. */
  sparse: boolean;
  /** The archive is a layer of an ordinary image: names that begin with ".wh." have a meaning there, and are left out. */
  isLayer: boolean;
  omissions: Omissions;
}

/** What has been written so far. */
export interface ArchiveCounts {
  members: number;
  /** Content of files, holes included. */
  bytes: number;
}

const PIECE_BYTES = 1 << 20;
const WHITEOUT = Buffer.from(".wh.");

/** A name on the way through a tree. */
interface Named {
  path: string;
  attributes: Attributes;
}

/**
 * Writes a tree as a tar archive of POSIX (ustar, pax), in the order of `dump`: byte order in each directory, depth first, because tar programs
 * restore the times of a directory when its members are over. The same tree makes the same bytes. Yields pieces that are not used again.
 */
export class TarWriter {
  readonly counts: ArchiveCounts = { members: 0, bytes: 0 };
  readonly #tree: Tree;
  readonly #options: ArchiveOptions;
  readonly #firstNames = new Map<number, string>();
  #piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
  #filled = 0;

  constructor(tree: Tree, options: ArchiveOptions) {
    this.#tree = tree;
    this.#options = options;
  }

  *pieces(): Generator<Buffer> {
    for (const { path, attributes } of this.#walk()) {
      yield* this.#member(path, attributes);
      this.counts.members++;
    }
    yield* this.#put(Buffer.alloc(2 * BLOCK_BYTES));
    yield this.#piece.subarray(0, this.#filled);
  }

  /** All names that an archive can have; paths are latin1, the root's is empty. */
  *#walk(): Generator<Named> {
    const tree = this.#tree;
    yield { path: "", attributes: tree.attributes(ROOT_INO) as Attributes };
    const stack: { path: string; pending: Iterator<TreeEntry> }[] = [
      { path: "", pending: sortedEntries(tree, ROOT_INO).values() },
    ];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const next = top.pending.next();
      if (next.done === true) {
        stack.pop();
        continue;
      }
      const { ino, name } = next.value;
      const path = top.path + Buffer.from(name).toString("latin1");
      const attributes = tree.attributes(ino) as Attributes;
      if (this.#leavesOut(name, path, attributes)) continue;
      yield { path, attributes };
      if (attributes.kind === "dir") stack.push({ path: `${path}/`, pending: sortedEntries(tree, ino).values() });
    }
  }

  #leavesOut(name: Uint8Array, path: string, { kind }: Attributes): boolean {
    const { omissions, isLayer } = this.#options;
    const isWhiteout = isLayer && WHITEOUT.equals(name.subarray(0, WHITEOUT.length));
    if (kind === "sock") omissions.add("socket", "tar archives cannot have one", `/${path}`);
    else if (isWhiteout) omissions.add("name that begins with .wh.", "it removes another name in a layer", `/${path}`);
    return kind === "sock" || isWhiteout;
  }

  *#member(path: string, attributes: Attributes): Generator<Buffer> {
    const { ino, kind, nlink, size } = attributes;
    const first = kind === "dir" || nlink < 2 ? undefined : this.#firstNames.get(ino);
    if (first !== undefined) return yield* this.#put(tarHeader(this.#linkTo(first, path, attributes), undefined));
    if (kind !== "dir" && nlink > 1) this.#firstNames.set(ino, path);
    const map = kind === "file" && this.#options.sparse ? this.#mapOf(ino, size) : undefined;
    yield* this.#put(tarHeader(this.#describe(path, attributes), map));
    if (kind !== "file") return;
    const ranges = map ?? [0, size];
    let written = 0;
    for (let at = 0; at < ranges.length; at += 2) {
      yield* this.#content(ino, ranges[at], ranges[at + 1]);
      written += ranges[at + 1] - ranges[at];
    }
    this.counts.bytes += size - written;
    yield* this.#put(Buffer.alloc(-written & (BLOCK_BYTES - 1)));
  }

  #describe(path: string, attributes: Attributes): NewMember {
    const { ino, kind, mode, uid, gid, size, major, minor, mtimeSeconds, mtimeNanoseconds } = attributes;
    return {
      name: kind === "dir" ? `${path === "" ? "." : path}/` : path,
      kind: kind as NewMember["kind"],
      linkName: kind === "lnk" ? Buffer.from(this.#tree.readlink(ino)).toString("latin1") : "",
      permissions: mode & MAX_PERMISSIONS,
      uid,
      gid,
      major,
      minor,
      mtimeSeconds,
      mtimeNanoseconds,
      size: kind === "file" ? size : 0,
      xattrs: this.#tree.xattrs(ino).map(({ name, value }) => ({ key: Buffer.from(name), val: Buffer.from(value) })),
    };
  }

  #linkTo(first: string, path: string, attributes: Attributes): NewMember {
    return {
      ...this.#describe(path, attributes),
      kind: "link",
      linkName: first,
      size: 0,
      major: 0,
      minor: 0,
      xattrs: [],
    };
  }

  /** Undefined for a file without holes. */
  #mapOf(ino: number, size: number): SparseMap | undefined {
    const map: number[] = [];
    let hasHoles = false;
    for (let at = 0; at < size;) {
      const { hole, end } = this.#tree.extent?.(ino, at) ?? { hole: false, end: size };
      if (hole) hasHoles = true;
      else if (map.at(-1) === at) map[map.length - 1] = end;
      else map.push(at, end);
      at = end;
    }
    return hasHoles ? map : undefined;
  }

  *#content(ino: number, from: number, to: number): Generator<Buffer> {
    for (let at = from; at < to;) {
      if (this.#filled === PIECE_BYTES) yield this.#full();
      const into = this.#piece.subarray(this.#filled, this.#filled + to - at);
      const count = this.#tree.read(ino, at, into);
      if (count < into.length) throw new Error(`inode ${ino} has fewer bytes of content than its size`);
      this.#filled += count;
      this.counts.bytes += count;
      at += count;
    }
  }

  *#put(bytes: Buffer): Generator<Buffer> {
    for (let at = 0; at < bytes.length;) {
      if (this.#filled === PIECE_BYTES) yield this.#full();
      const count = bytes.copy(this.#piece, this.#filled, at);
      this.#filled += count;
      at += count;
    }
  }

  /** The piece that is full; a new one is begun. */
  #full(): Buffer {
    const full = this.#piece;
    this.#piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
    this.#filled = 0;
    return full;
  }
}
