import { findInode, MAX_PERMISSIONS } from "@puzzlefs/format";
import { sortedEntries, type Attributes, type ImageTree, type InodeKind } from "@puzzlefs/reader";

import { partsOf, type Sparseness } from "./hole-blocks.ts";
import type { ContentSink, Source, SourceEntry, SourceXattr } from "./source.ts";

const bufferBytes = 1 << 18;
const none: readonly never[] = [];

/** A directory that was delivered but not listed yet. */
interface Waiting {
  entry: SourceEntry;
  ino: number;
}

/** The tree that an image shows, whatever layers, chunks and blobs it is made of. The caller closes the image. */
export class ImageSource implements Source {
  readonly name: string;
  readonly #tree: ImageTree;

  constructor(tree: ImageTree) {
    this.name = `image sha256:${tree.manifestDigest}`;
    this.#tree = tree;
  }

  *entries(): Generator<SourceEntry> {
    const tree = this.#tree;
    const buffer = Buffer.allocUnsafeSlow(bufferBytes);
    const root = new ImageEntry(tree, undefined, "", "", tree.attributes(1) as Attributes, buffer);
    yield root;
    const stack: Waiting[] = [{ entry: root, ino: 1 }];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const subdirectories: Waiting[] = [];
      for (const { ino, name: bytes, attributes } of sortedEntries(tree, next.ino)) {
        const name = Buffer.from(bytes).toString("latin1");
        const path = `${next.entry.path}/${name}`;
        const entry = new ImageEntry(tree, next.entry, name, path, attributes as Attributes, buffer);
        yield entry;
        if (entry.kind === "dir") subdirectories.push({ entry, ino });
      }
      stack.push(...subdirectories.reverse());
    }
  }
}

/** A name in an image. */
export class ImageEntry implements SourceEntry {
  readonly directory: SourceEntry | undefined;
  readonly name: string;
  readonly path: string;
  readonly #tree: ImageTree;
  readonly #attributes: Attributes;
  /** Content of compressed blobs cannot be decompressed directly into shared memory. */
  readonly #buffer: Buffer;

  constructor(
    tree: ImageTree,
    directory: SourceEntry | undefined,
    name: string,
    path: string,
    attributes: Attributes,
    buffer: Buffer,
  ) {
    this.directory = directory;
    this.name = name;
    this.path = path;
    this.#tree = tree;
    this.#attributes = attributes;
    this.#buffer = buffer;
  }

  get kind(): InodeKind {
    return this.#attributes.kind;
  }
  get uid(): number {
    return this.#attributes.uid;
  }
  get gid(): number {
    return this.#attributes.gid;
  }
  get permissions(): number {
    return this.#attributes.mode & MAX_PERMISSIONS;
  }
  get major(): number {
    return this.#attributes.major;
  }
  get minor(): number {
    return this.#attributes.minor;
  }
  get mtimeSeconds(): number {
    return this.#attributes.mtimeSeconds;
  }
  get mtimeNanoseconds(): number {
    return this.#attributes.mtimeNanoseconds;
  }
  get size(): number {
    return this.kind === "file" ? this.#attributes.size : 0;
  }
  get link(): string | undefined {
    const { kind, nlink, ino } = this.#attributes;
    return kind !== "dir" && nlink > 1 ? `${ino}` : undefined;
  }

  readlink(): Buffer {
    return Buffer.from(this.#tree.readlink(this.#attributes.ino));
  }

  /** Also those that a mount does not show, so that what is left out is reported. */
  xattrs(accepts: (name: Buffer) => boolean): readonly SourceXattr[] {
    const stored = findInode(this.#tree.metadata.image, this.#attributes.ino)?.additional.xattrs;
    if (stored === undefined || stored.length === 0) return none;
    return [...stored]
      .map(({ key, val }) => ({ key: Buffer.from(key.toUint8Array()), val: Buffer.from(val.toUint8Array()) }))
      .filter(({ key }) => accepts(key));
  }

  /** @param from the first byte that is delivered */
  *content(sink: ContentSink, from = 0): Generator<void> {
    let at = from;
    for (const { hole, end } of partsOf(this.#attributes.size, this.#sparseness)) {
      if (end <= at) continue;
      if (hole) sink.hole(end - at);
      else yield* this.#data(sink, at, end);
      at = end;
    }
  }

  /** The holes of the image, which other builders may have put at any offset. */
  get #sparseness(): Sparseness {
    const { ino, size } = this.#attributes;
    const next = (from: number, hole: boolean): number => {
      const extent = this.#tree.extent(ino, from);
      return extent.hole === hole ? from : extent.end;
    };
    const seek = (hole: boolean) => (from: number) => (from < size ? next(from, hole) : undefined);
    return { data: seek(false), hole: seek(true) };
  }

  *#data(sink: ContentSink, from: number, to: number): Generator<void> {
    while (from < to) {
      const { address, room } = sink.reserve(to - from);
      const piece = this.#buffer.subarray(0, Math.min(room, to - from, bufferBytes));
      this.#tree.read(this.#attributes.ino, from, piece);
      sink.memory.set(piece, address);
      sink.advance(piece.length);
      from += piece.length;
      if (from < to) yield;
    }
  }
}
