import {
  Bytes,
  dataSize,
  fileSize,
  findName,
  FormatError,
  nextVisibleEntry,
  nextListing,
  openListing,
  ROOT_INO,
  statMode,
  ZERO_BLOB_DIGEST,
} from "@puzzlefs/format";
import type { Inode, VisibleEntry, Metadata, InodeRecord } from "@puzzlefs/format";
import type { BlobStore } from "@puzzlefs/oci";
import type { BlobCache } from "./blob-cache.ts";
import { keyDigest } from "./blob-key.ts";
import { ContentMap, ContentMaps } from "./content-map.ts";
import { IntegrityError } from "./errors.ts";
import { LookAhead } from "./look-ahead.ts";
import type { Attributes, Extent, InodeKind, Tree, TreeEntry } from "./tree.ts";
import { isKnownXattr } from "./xattr-names.ts";

/** Runs of content maps kept, some 100 bytes each. */
const contentRunsKept = 32768;
/** Chunks of a file of which something is fetched before it is opened. */
const largestAhead = 256;
/** Chunks of a file that are asked for together; the fetcher has others to serve too. */
const fetchedAtOnce = 64;
const none: never[] = [];

/** A validated image: metadata in memory, content from the blobs of its store. */
export class ImageTree implements Tree {
  readonly metadata: Metadata;
  /** Hex sha256 of the manifest. */
  readonly manifestDigest: string;
  /**
   * What to wait for after read() has failed with `error`: that the chunks which it needs have been fetched. Undefined if it did not
   * lack a chunk. Left out if the store has no fetcher.
   */
  readonly arrival?: (error: unknown, ino: number, offset: number, length: number) => Promise<void> | undefined;
  readonly #blobs: BlobCache;
  readonly #contents = new ContentMaps(contentRunsKept);
  readonly #lookAhead: LookAhead;
  readonly #owned = new DisposableStack();

  constructor(metadata: Metadata, manifestDigest: string, blobs: BlobCache) {
    this.metadata = metadata;
    this.manifestDigest = manifestDigest;
    this.#blobs = blobs;
    this.#lookAhead = new LookAhead(blobs, (ino) => this.#contentAhead(ino));
    const { fetch } = blobs;
    if (fetch !== undefined) this.arrival = (...failed) => this.#arrival(fetch, ...failed);
  }

  /** What some inode has: bits of TRAIT_XATTRS and the others. */
  get traits(): number {
    return this.metadata.traits;
  }

  get inodeCount(): number {
    return this.metadata.inodes;
  }

  get contentBytes(): number {
    return this.metadata.contentBytes;
  }

  /** Whether files may have holes. */
  get hasHoles(): boolean {
    return this.metadata.hasHoles;
  }

  attributes(ino: number): Attributes | undefined {
    const record = this.metadata.find(ino);
    return record === undefined ? undefined : attributesOf(this.metadata, record);
  }

  lookup(directory: number, name: Uint8Array): number | undefined {
    const { metadata } = this;
    const record = metadata.find(directory);
    if (record === undefined) return undefined;
    const found = findName(metadata.layers, metadata.index, record, Bytes.of(name));
    if (found === undefined) return undefined;
    metadata.checkChild(found.inode, directory);
    return found.inode.ino;
  }

  *entries(directory: number, cookie = 0): Generator<TreeEntry> {
    const { layers } = this.metadata;
    const found = this.metadata.find(directory);
    if (found === undefined) return;
    let record = openListing(layers, found, cookie);
    for (; record !== undefined; record = nextListing(layers, directory, record)) {
      let next = nextVisibleEntry(layers, directory, record, cookie);
      for (; next !== undefined; next = nextVisibleEntry(layers, directory, record, next.cookie)) {
        if (next.shown) yield new ImageEntry(this.metadata, directory, next);
      }
    }
  }

  parent(directory: number): number {
    const record = this.metadata.find(directory);
    return record === undefined ? ROOT_INO : this.metadata.parentOf(record);
  }

  readlink(ino: number): Uint8Array {
    return this.#inode(ino).additional.symlinkTarget.toUint8Array();
  }

  xattrs(ino: number): { name: Uint8Array; value: Uint8Array }[] {
    const { xattrs } = this.#inode(ino).additional;
    if (xattrs.length === 0) return none;
    const found: { name: Uint8Array; value: Uint8Array }[] = [];
    for (const { key, val } of xattrs) {
      const name = key.toUint8Array();
      if (isKnownXattr(name)) found.push({ name, value: val.toUint8Array() });
    }
    return found.sort((a, b) => Buffer.compare(a.name, b.name));
  }

  /** Where the content of a regular file is. */
  content(ino: number): ContentMap {
    const content = this.#contentOf(ino);
    if (content === undefined) throw new Error(`inode ${ino} is not a regular file`);
    return content;
  }

  /** Undefined also for a file of more than `most` chunks. */
  #contentOf(ino: number, most = Infinity): ContentMap | undefined {
    const known = this.#contents.get(ino);
    if (known !== undefined) return known;
    const mode = this.metadata.find(ino)?.inode.mode;
    if (mode?.kind !== "file" || mode.file.length > most) return undefined;
    return this.#contents.add(ino, new ContentMap(mode.file));
  }

  /** Of an inode that may be read later: if it breaks a rule, its own readers get the error. */
  #contentAhead(ino: number): ContentMap | undefined {
    try {
      return this.#contentOf(ino, largestAhead);
    } catch (error) {
      if (error instanceof FormatError) return undefined;
      throw error;
    }
  }

  /** @throws {IntegrityError} a blob does not have its digest @throws {FormatError} it is too short for the image */
  read(ino: number, offset: number, into: Uint8Array): number {
    const content = this.content(ino);
    const wanted = Math.min(into.length, content.size - offset);
    if (wanted <= 0) return 0;
    this.#lookAhead.reading(ino, content, offset, offset + wanted);
    let done = 0;
    for (let run = content.find(offset); done < wanted; run++) {
      const start = content.start(run);
      const length = content.end(run) - start;
      const skip = offset + done - start;
      const take = Math.min(length - skip, wanted - done);
      const blobOffset = content.blobOffset(run);
      const piece = take === into.length ? into : into.subarray(done, done + take);
      if (content.isHole(start)) piece.fill(0);
      else this.#blobs.read(content.blob(run), blobOffset + skip, piece, blobOffset + length, ino);
      done += take;
    }
    return done;
  }

  #arrival(
    fetch: NonNullable<BlobStore["fetch"]>,
    error: unknown,
    ino: number,
    offset: number,
    length: number,
  ): Promise<void> | undefined {
    if (!(error instanceof IntegrityError) || error.reason !== "missing") return undefined;
    const content = this.content(ino);
    const end = Math.min(offset + length, content.size);
    const digests: string[] = [];
    for (let run = content.find(offset); run < content.runs && content.start(run) < end; run++)
      if (!content.isHole(content.start(run))) digests.push(keyDigest(content.blob(run)));
    return fetch(digests);
  }

  /**
   * Asks the fetcher of the store for the chunks of a file that are missing, and settles when they have been fetched; at once if there are
   * none, or no such file. Rejected with the error of the first that cannot be fetched.
   */
  async fetchFile(ino: number): Promise<void> {
    const { fetch } = this.#blobs;
    const content = this.#contentOf(ino);
    if (fetch === undefined || content === undefined) return;
    for (let run = 0; run < content.runs;) {
      const missing = new Set<string>();
      for (; run < content.runs && missing.size < fetchedAtOnce; run++) {
        const key = content.blob(run);
        if (!content.isHole(content.start(run)) && !this.#blobs.has(key)) missing.add(keyDigest(key));
      }
      if (missing.size > 0) await fetch([...missing]);
    }
  }

  extent(ino: number, offset: number): Extent {
    return this.content(ino).extent(offset);
  }

  /** Disposes of `resource` when the image is closed; of several, the last one first. */
  own(resource: Disposable): void {
    this.#owned.use(resource);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  close(): void {
    this.#owned.dispose();
  }

  #inode(ino: number): Inode {
    const record = this.metadata.find(ino);
    if (record === undefined) throw new Error(`no inode ${ino} in the image`);
    return record.inode;
  }
}

/** An entry of a listing; its inode is checked, and its attributes are read, on first use. */
class ImageEntry implements TreeEntry {
  readonly cookie: number;
  readonly ino: number;
  readonly #metadata: Metadata;
  readonly #directory: number;
  readonly #entry: VisibleEntry;

  constructor(metadata: Metadata, directory: number, entry: VisibleEntry) {
    this.cookie = entry.cookie;
    this.ino = entry.inode.ino;
    this.#metadata = metadata;
    this.#directory = directory;
    this.#entry = entry;
  }

  get name(): Uint8Array {
    return this.#entry.entry.name.toUint8Array();
  }

  get kind(): InodeKind {
    const { kind } = this.#entry.inode.mode;
    // The check of an inode of another kind fails.
    return kind === "unknown" || kind === "invalid" || kind === "wht" ? this.attributes.kind : kind;
  }

  get attributes(): Attributes {
    this.#metadata.checkChild(this.#entry.inode, this.#directory);
    const record = this.#metadata.find(this.ino);
    if (record === undefined) throw new Error(`no inode ${this.ino} in the image`);
    return attributesOf(this.#metadata, record);
  }
}

function attributesOf(metadata: Metadata, record: InodeRecord): Attributes {
  const { inode } = record;
  const { mode } = inode;
  // Validation refuses all other kinds.
  const kind = mode.kind as InodeKind;
  const device = kind === "chr" ? mode.chr : kind === "blk" ? mode.blk : undefined;
  const attributes = {
    ino: inode.ino,
    kind,
    mode: statMode(inode),
    nlink: metadata.linksOf(record),
    uid: inode.uid,
    gid: inode.gid,
    size: sizeOf(inode, kind),
    major: device?.major ?? 0,
    minor: device?.minor ?? 0,
    mtimeSeconds: inode.mtimeSeconds,
    mtimeNanoseconds: inode.mtimeNanoseconds,
  };
  if (!metadata.hasHoles || kind !== "file") return attributes;
  return { ...attributes, dataSize: dataSize(mode.file, ZERO_BLOB_DIGEST) };
}

function sizeOf(inode: Inode, kind: InodeKind): number {
  if (kind === "file") return fileSize(inode.mode.file);
  return kind === "lnk" ? inode.additional.symlinkTarget.length : 0;
}

/** The inodes of the effective tree, each once. All of the image is checked before. */
export function* visibleInodes(metadata: Metadata): Generator<Inode> {
  const { image, links } = metadata.whole();
  let ordinal = 0;
  for (const { inodes } of image.metadatas) {
    for (let i = 0; i < inodes.length; i++, ordinal++) if (links[ordinal] !== 0) yield inodes.at(i);
  }
}
