import {
  findInode,
  isHole,
  MAX_LAYERS,
  nextName,
  ZERO_BLOB_DIGEST,
  type Bytes,
  type Inode,
  type InodeVector,
  type Rootfs,
} from "@puzzlefs/format";
import {
  LayoutError,
  referencedBlobs,
  systemFailure,
  type BaseRecord,
  type BlobStore,
  type Layout,
  type Platform,
  type PlatformChoice,
} from "@puzzlefs/oci";
import { readHeader, type ImageHeader } from "@puzzlefs/reader";

import { hashBlob } from "./hash-blob.ts";
import type { Blob } from "./image-blob.ts";
import type { ChunkQueue } from "./queue.ts";

/** An image elsewhere to build on: the layout need not have any of its chunks. */
export interface BaseSource {
  /** For messages. */
  readonly name: string;
  open(layout: Layout, choice: PlatformChoice): Promise<OpenedBase>;
}

/** A base whose metadata has been read. Its blobs may be missing in the store. Disposing it closes what belongs to it. */
export interface OpenedBase extends Disposable {
  header: Pick<ImageHeader, "manifest" | "manifestDigest" | "metadata" | "blobs">;
  /** What index.json records of it. */
  record: BaseRecord;
}

/**
 * Opens the image that a build starts from. Throws LayoutError; FormatError if the image breaks a rule; IntegrityError if
 * its metadata are missing or damaged.
 *
 * @param preferred of several images of the tag, that for this platform; default: this machine's
 */
export function openBase(layout: Layout, tag: string, preferred?: Platform): BaseImage {
  using opened = new DisposableStack();
  const header = readBase(layout, tag, preferred, opened);
  if (header.packed !== undefined) opened.use(header.blobs);
  return baseOf(header, `${tag} of ${layout.path}`, opened);
}

/** openBase() of an image elsewhere. Throws what its source throws, too. */
export async function openSource(layout: Layout, source: BaseSource, preferred?: Platform): Promise<BaseImage> {
  using opened = new DisposableStack();
  const { header, record } = opened.use(await source.open(layout, preferred === undefined ? {} : { preferred }));
  return baseOf(header, source.name, opened, record);
}

/** Takes over what is opened. */
function baseOf(header: OpenedBase["header"], name: string, opened: DisposableStack, record?: BaseRecord): BaseImage {
  const { image } = header.metadata;
  if (image.metadatas.length >= MAX_LAYERS)
    throw new LayoutError("refused", name, `${MAX_LAYERS} layers already: canonicalize it, then build on that`);
  const sizes = new Map<string, number>();
  for (const { digest, size } of referencedBlobs(header.manifest, `manifest sha256:${header.manifestDigest}`))
    if (digest !== undefined) sizes.set(digest, size ?? 0);
  return new BaseImage(header.blobs, image, sizes, opened.move(), record);
}

function readBase(layout: Layout, tag: string, preferred: Platform | undefined, opened: DisposableStack): ImageHeader {
  try {
    const { digest } = opened.use(layout.use(tag, preferred === undefined ? {} : { preferred }));
    return readHeader(layout, digest);
  } catch (error) {
    throw systemFailure(error, layout.path, `read the base image ${tag}`);
  }
}

/** An image to build on: its tree as readers see it, and its chunks. gc keeps them until it is disposed of. */
export class BaseImage {
  readonly image: Rootfs;
  /** Digests (hex) of blobs that are missing or damaged. */
  readonly damaged: string[] = [];
  /** The largest inode number that any layer uses. */
  readonly lastIno: number;
  /** Has its chunks, or some of them. */
  readonly blobs: BlobStore;
  /** Of an image elsewhere, whose chunks may be missing here. */
  readonly record: BaseRecord | undefined;
  /** Bytes, as the manifest lists them. */
  #sizes: ReadonlyMap<string, number>;
  #verity = new Map<string, Uint8Array>();
  readonly #use: Disposable;

  constructor(
    store: BlobStore,
    image: Rootfs,
    sizes: ReadonlyMap<string, number>,
    use: Disposable,
    record?: BaseRecord,
  ) {
    this.#use = use;
    this.record = record;
    this.blobs = store;
    this.#sizes = sizes;
    this.image = image;
    this.lastIno = Math.max(...[...image.metadatas].map(lastInoOf));
    for (const { digest, verity } of image.fsVerityData) this.#verity.set(hexOf(digest), copyOf(verity));
  }

  [Symbol.dispose](): void {
    this.#use[Symbol.dispose]();
  }

  /** The inode that readers see under a number. */
  inode(ino: number): Inode | undefined {
    return findInode(this.image, ino);
  }

  /** The visible entries of a directory, by name (latin1). */
  children(directory: number): Map<string, number> {
    const names = new Map<string, number>();
    for (let next = nextName(this.image, directory, 0); next !== undefined;) {
      names.set(Buffer.from(next.entry.name.toUint8Array()).toString("latin1"), next.entry.ino);
      next = nextName(this.image, directory, next.cookie);
    }
    return names;
  }

  /**
   * Puts every chunk whose content is known by its digest into the queue, so that equal ones are found: the raw
   * blobs. Returns them, in that order; undefined for those that only another store has: equal chunks are stored raw, as if they
   * were here. With `verify` all are hashed. Yields before each.
   */
  *announce(queue: ChunkQueue, verify: boolean): Generator<void, (Blob | undefined)[]> {
    const known: (Blob | undefined)[] = [];
    const { raw, mixed } = this.#rawBlobs();
    for (const [hex, end] of raw) {
      yield;
      const isElsewhere = this.record !== undefined && !this.blobs.has(hex);
      const blob = isElsewhere ? undefined : this.#blob(hex, mixed || verify, end);
      if (blob !== undefined) queue.publishKnown(blob.digest, blob.digest, blob.verity, blob.size, false);
      else if (isElsewhere) queue.publishAbsent(Buffer.from(hex, "hex"));
      else continue;
      known.push(blob);
    }
    return known;
  }

  /**
   * The blobs that files refer to as raw: by digest (hex), where the last run in them ends, bytes. And whether there are
   * compressed ones too.
   */
  #rawBlobs(): { raw: Map<string, number>; mixed: boolean } {
    const raw = new Map<string, number>();
    let mixed = false;
    for (const { inodes } of this.image.metadatas) {
      for (const { mode } of inodes) {
        if (mode.kind !== "file") continue;
        for (const chunk of mode.file) {
          const { blob, len } = chunk;
          if (blob.compressed) {
            // An image that is raw but for its holes is not mixed.
            mixed ||= !isHole(chunk, ZERO_BLOB_DIGEST);
            continue;
          }
          const hex = hexOf(blob.digest);
          raw.set(hex, Math.max(raw.get(hex) ?? 0, blob.offset + len));
        }
      }
    }
    return { raw, mixed };
  }

  /**
   * A raw blob of the base; undefined if it is missing in the layout or its file has another size: then its chunks are
   * stored anew. With `measure` it is hashed and its fs-verity digest is computed: the Rust tool records a wrong one for the raw blobs of a
   * compressed image.
   *
   * @param unlisted the bytes that it must have where the manifest does not list it
   */
  #blob(hex: string, measure: boolean, unlisted: number): Blob | undefined {
    const size = this.blobs.size(hex);
    const hasSize = size !== undefined && size === (this.#sizes.get(hex) ?? unlisted);
    const recorded = measure ? undefined : this.#verity.get(hex);
    const verity = hasSize ? (recorded ?? hashBlob(this.blobs, hex)?.verity) : undefined;
    if (!hasSize || verity === undefined) {
      this.damaged.push(hex);
      return undefined;
    }
    return {
      digest: Buffer.from(hex, "hex"),
      hex,
      verity,
      size,
      compressed: false,
      temporary: undefined,
      replaces: false,
    };
  }
}

function lastInoOf({ inodes }: InodeVector): number {
  return inodes.length === 0 ? 1 : inodes.at(inodes.length - 1).ino;
}

function hexOf(bytes: Bytes): string {
  return Buffer.from(bytes.toUint8Array()).toString("hex");
}

function copyOf(bytes: Bytes): Uint8Array {
  return bytes.toUint8Array().slice();
}
