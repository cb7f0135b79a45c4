import { HOLE_BLOCK_BYTES } from "@puzzlefs/format";
import type { InodeKind } from "@puzzlefs/reader";

import type { Omission, Omissions } from "../omissions.ts";
import type { ContentSink, Source, SourceEntry, SourceXattr } from "../source.ts";
import type { LayeredName, LayeredNode } from "./layered-tree.ts";
import { keptHoles, type SparseMap } from "./sparse-map.ts";
import type { Spool } from "./spool.ts";

/** Files of up to this size are read without yielding. */
const SMALL_BYTES = HOLE_BLOCK_BYTES - 1;

/** A tree of layers, whose content is in a spool. */
export class LayerSource implements Source {
  readonly name: string;
  readonly #root: LayeredNode;
  readonly #spool: Spool;
  readonly #omissions: readonly Omission[];

  /** @param omitted what the layers have and the tree has not */
  constructor(name: string, root: LayeredNode, spool: Spool, omitted: readonly Omission[]) {
    this.name = name;
    this.#root = root;
    this.#spool = spool;
    this.#omissions = omitted;
  }

  *entries(omissions: Omissions): Generator<SourceEntry> {
    for (const omission of this.#omissions) omissions.include(omission);
    const root = new LayerEntry(undefined, "", this.#root, this.#spool);
    yield root;
    const stack = [{ entry: root, names: this.#root.names }];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const subdirectories: typeof stack = [];
      for (const [name, { node }] of sorted(next.names ?? new Map<string, LayeredName>())) {
        const entry = new LayerEntry(next.entry, name, node, this.#spool);
        yield entry;
        if (node.kind === "dir") subdirectories.push({ entry, names: node.names });
      }
      stack.push(...subdirectories.reverse());
    }
  }
}

/** Bytes of content of the files of a tree, hard links once, and their number. */
export function contentOf(root: LayeredNode): { files: number; bytes: number } {
  const total = { files: 0, bytes: 0 };
  const counted = new Set<LayeredNode>();
  const pending = [root];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    for (const { node: child } of node.names?.values() ?? []) {
      if (child.kind === "dir") pending.push(child);
      if (child.kind !== "file" || counted.has(child)) continue;
      if (child.link !== undefined) counted.add(child);
      total.files++;
      total.bytes += child.size;
    }
  }
  return total;
}

function sorted(names: ReadonlyMap<string, LayeredName>): [string, LayeredName][] {
  return [...names].sort(([a], [b]) => (a < b ? -1 : 1));
}

class LayerEntry implements SourceEntry {
  readonly directory: SourceEntry | undefined;
  readonly name: string;
  readonly #node: LayeredNode;
  readonly #spool: Spool;

  constructor(directory: SourceEntry | undefined, name: string, node: LayeredNode, spool: Spool) {
    this.directory = directory;
    this.name = name;
    this.#node = node;
    this.#spool = spool;
  }

  get path(): string {
    return this.directory === undefined ? "" : `${this.directory.path}/${this.name}`;
  }
  get kind(): InodeKind {
    return this.#node.kind;
  }
  get uid(): number {
    return this.#node.uid;
  }
  get gid(): number {
    return this.#node.gid;
  }
  get permissions(): number {
    return this.#node.permissions;
  }
  get major(): number {
    return this.#node.major;
  }
  get minor(): number {
    return this.#node.minor;
  }
  get mtimeSeconds(): number {
    return this.#node.mtimeSeconds;
  }
  get mtimeNanoseconds(): number {
    return this.#node.mtimeNanoseconds;
  }
  get size(): number {
    return this.#node.size;
  }
  get link(): string | undefined {
    return this.#node.link;
  }

  readlink(): Buffer {
    return Buffer.from(this.#node.target, "latin1");
  }

  xattrs(accepts: (name: Buffer) => boolean): readonly SourceXattr[] {
    return this.#node.xattrs.filter(({ key }) => accepts(key));
  }

  content(sink: ContentSink): Iterable<void> | undefined {
    const { size, content } = this.#node;
    const { position = 0, map } = content ?? {};
    const reading = new ContentReading(sink, this.#spool, position, map ?? [0, size]).run(size);
    if (size > SMALL_BYTES) return reading;
    for (const _ of reading);
    return undefined;
  }
}

/** Puts a file into a sink, with its holes. */
class ContentReading {
  readonly #sink: ContentSink;
  readonly #spool: Spool;
  readonly #map: SparseMap;
  /** The piece that is being read, and the position of its first byte in the spool. */
  #piece = 0;
  #position: number;

  constructor(sink: ContentSink, spool: Spool, position: number, map: SparseMap) {
    this.#sink = sink;
    this.#spool = spool;
    this.#position = position;
    this.#map = map;
  }

  *run(size: number): Generator<void> {
    let done = 0;
    for (const [from, to] of keptHoles(this.#map, size)) {
      yield* this.#data(done, from);
      this.#sink.hole(to - from);
      done = to;
    }
    yield* this.#data(done, size);
  }

  /** The bytes of a range: those of the pieces, and zeros. */
  *#data(from: number, to: number): Generator<void> {
    const map = this.#map;
    for (let at = from; at < to;) {
      while (this.#piece < map.length && map[this.#piece + 1] <= at) {
        this.#position += map[this.#piece + 1] - map[this.#piece];
        this.#piece += 2;
      }
      const start = map[this.#piece] ?? to;
      const end = at < start ? Math.min(start, to) : Math.min(map[this.#piece + 1], to);
      const { address, room } = this.#sink.reserve(end - at);
      const count = Math.min(room, end - at);
      if (at < start) this.#sink.memory.fill(0, address, address + count);
      else this.#spool.read(this.#sink.memory, address, count, this.#position + at - start);
      this.#sink.advance(count);
      at += count;
      if (at < to) yield;
    }
  }
}
