import type { Inode, InodeMode, Rootfs } from "@puzzlefs/format";
import { Bytes } from "@puzzlefs/format";
import { findName, nextName } from "./pending.ts";
import type { BlobCache } from "./blob-cache.ts";
import { ContentMap, ContentMaps } from "./content-map.ts";
import { InodeIndex } from "./inode-index.ts";
import type { Attributes, InodeKind, Tree, TreeEntry } from "./tree.ts";
import { isKnownXattr } from "./xattr-names.ts";

/** S_IFMT bits by kind of inode. */
const typeBits: Record<InodeKind, number> = {
  fifo: 0o010000,
  chr: 0o020000,
  dir: 0o040000,
  blk: 0o060000,
  file: 0o100000,
  lnk: 0o120000,
  sock: 0o140000,
};

/** Runs of content maps kept, some 100 bytes each. */
const contentRunsKept = 32768;
const none: never[] = [];

/** A validated image: metadata in memory, content from the blobs of its store. */
export class ImageTree implements Tree {
  readonly rootfs: Rootfs;
  /** Hex sha256 of the manifest. */
  readonly manifestDigest: string;
  readonly #index: InodeIndex;
  readonly #blobs: BlobCache;
  readonly #contents = new ContentMaps(contentRunsKept);
  #contentBytes: number | undefined;

  /** @param rootfs as openMetadata gives it, validated */
  constructor(rootfs: Rootfs, manifestDigest: string, blobs: BlobCache) {
    this.rootfs = rootfs;
    this.manifestDigest = manifestDigest;
    this.#index = new InodeIndex(rootfs);
    this.#blobs = blobs;
  }

  get inodeCount(): number {
    return this.#index.visibleCount;
  }

  get contentBytes(): number {
    if (this.#contentBytes !== undefined) return this.#contentBytes;
    let sum = 0;
    for (const inode of this.#index.visible()) sum += contentSize(inode.mode);
    this.#contentBytes = sum;
    return sum;
  }

  attributes(ino: number): Attributes | undefined {
    const inode = this.#index.get(ino);
    if (inode === undefined) return undefined;
    const { mode } = inode;
    const kind = kindOf(mode);
    const device = kind === "chr" ? mode.chr : kind === "blk" ? mode.blk : undefined;
    return {
      ino,
      kind,
      mode: typeBits[kind] | inode.permissions,
      nlink: this.#index.links(ino),
      uid: inode.uid,
      gid: inode.gid,
      size: kind === "lnk" ? inode.additional.symlinkTarget.length : contentSize(mode),
      major: device?.major ?? 0,
      minor: device?.minor ?? 0,
      mtimeSeconds: inode.mtimeSeconds,
      mtimeNanoseconds: inode.mtimeNanoseconds,
    };
  }

  lookup(directory: number, name: Uint8Array): number | undefined {
    return findName(this.rootfs, directory, Bytes.of(name))?.ino;
  }

  *entries(directory: number, cookie = 0): Generator<TreeEntry> {
    for (let next = nextName(this.rootfs, directory, cookie); next !== undefined; ) {
      const { entry, inode } = next;
      yield { cookie: next.cookie, name: entry.name.toUint8Array(), ino: entry.ino, kind: kindOf(inode.mode) };
      next = nextName(this.rootfs, directory, next.cookie);
    }
  }

  parent(directory: number): number {
    return this.#index.parent(directory);
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
    return this.#contents.get(ino, () => {
      const { mode } = this.#inode(ino);
      if (mode.kind !== "file") throw new Error(`inode ${ino} is not a regular file`);
      return new ContentMap(mode.file);
    });
  }

  /** @throws {IntegrityError} a blob is not what its name says @throws {FormatError} it is too short for the image */
  read(ino: number, offset: number, into: Uint8Array): number {
    const content = this.content(ino);
    const wanted = Math.min(into.length, content.size - offset);
    if (wanted <= 0) return 0;
    let done = 0;
    for (let run = content.find(offset); done < wanted; run++) {
      const start = content.start(run);
      const length = content.end(run) - start;
      const skip = offset + done - start;
      const take = Math.min(length - skip, wanted - done);
      const blobOffset = content.blobOffset(run);
      const piece = take === into.length ? into : into.subarray(done, done + take);
      this.#blobs.read(content.blob(run), blobOffset + skip, piece, blobOffset + length, ino);
      done += take;
    }
    return done;
  }

  close(): void {
    this.#blobs.close();
  }

  #inode(ino: number): Inode {
    const inode = this.#index.get(ino);
    if (inode === undefined) throw new Error(`no inode ${ino} in the image`);
    return inode;
  }
}

/** Validation leaves no other kinds among what can be found. */
function kindOf(mode: InodeMode): InodeKind {
  return mode.kind as InodeKind;
}

function contentSize(mode: InodeMode): number {
  if (mode.kind !== "file") return 0;
  const chunks = mode.file;
  let sum = 0;
  for (let i = 0; i < chunks.length; i++) sum += chunks.at(i).len;
  return sum;
}
