import { readFileSync } from "node:fs";

import {
  findInode,
  FormatError,
  MAX_LAYERS,
  nextName,
  openMetadata,
  readManifest,
  type Bytes,
  type Inode,
  type InodeVector,
  type Rootfs,
} from "@puzzlefs/format";
import { fsVerityDigest, LayoutError, type Layout } from "@puzzlefs/oci";

import type { Blob, ChunkPlace } from "./places.ts";
import type { ChunkQueue } from "./queue.ts";

/** The largest message of the format, bytes. */
const metadataLimit = 2 ** 32;

/** Opens the image that a build starts from. Throws LayoutError, or FormatError for an image that breaks a rule. */
export function openBase(layout: Layout, tag: string): BaseImage {
  const { bytes, digest } = layout.manifest(tag);
  const found = inObject(`manifest sha256:${digest}`, () => readManifest(bytes));
  const metadata = layout.readBlob(found.digest, metadataLimit);
  const { image } = inObject(`metadata blob sha256:${found.digest}`, () => openMetadata(metadata));
  if (image.metadatas.length >= MAX_LAYERS) {
    throw new LayoutError(
      "refused",
      layout.path,
      `${tag} has ${MAX_LAYERS} layers already: canonicalize it, then build on that`,
    );
  }
  return new BaseImage(layout, image);
}

function inObject<T>(name: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw error instanceof FormatError ? error.in(name) : error;
  }
}

/** An image to build on: its tree as readers see it, and its chunks. */
export class BaseImage {
  readonly image: Rootfs;
  /** The largest inode number that any layer uses. */
  readonly lastIno: number;
  #layout: Layout;
  #verity = new Map<string, Uint8Array>();

  constructor(layout: Layout, image: Rootfs) {
    this.#layout = layout;
    this.image = image;
    this.lastIno = Math.max(...[...image.metadatas].map(lastInoOf));
    for (const { digest, verity } of image.fsVerityData) this.#verity.set(hexOf(digest), copyOf(verity));
  }

  /** The inode that readers see under a number. */
  inode(ino: number): Inode | undefined {
    return findInode(this.image, ino);
  }

  /** What a directory shows, by name (latin1). */
  children(directory: number): Map<string, number> {
    const names = new Map<string, number>();
    for (let next = nextName(this.image, directory, 0); next !== undefined;) {
      names.set(Buffer.from(next.entry.name.toUint8Array()).toString("latin1"), next.entry.ino);
      next = nextName(this.image, directory, next.cookie);
    }
    return names;
  }

  /**
   * Puts every chunk whose content is known by its digest into the queue, so that equal ones are found: the rows of
   * the chunk table, and the raw blobs. Returns their places, in that order.
   */
  announce(queue: ChunkQueue): ChunkPlace[] {
    const places: ChunkPlace[] = [];
    const blobs = new Map<string, Blob | undefined>();
    for (const chunk of this.image.chunks) {
      const { digest, offset, compressed } = chunk.blob;
      const hex = hexOf(digest);
      if (!blobs.has(hex)) blobs.set(hex, this.#blob(hex, compressed, false));
      const blob = blobs.get(hex);
      if (blob === undefined) continue;
      const { length } = chunk;
      const contentDigest = copyOf(chunk.contentDigest);
      const storedDigest = copyOf(chunk.storedDigest);
      const row = { blob: { digest: blob.digest, offset, compressed }, length, storedDigest, contentDigest };
      places.push({ blob, offset, compressed, row });
      queue.publishKnown(contentDigest, blob.digest, blob.verity, length, compressed);
    }
    const { raw, mixed } = this.#rawBlobs();
    for (const hex of raw) {
      if (blobs.has(hex)) continue;
      const blob = this.#blob(hex, false, mixed);
      if (blob === undefined) continue;
      places.push({ blob, offset: 0, compressed: false, row: undefined });
      queue.publishKnown(blob.digest, blob.digest, blob.verity, blob.size, false);
    }
    return places;
  }

  /** Digests (hex) of the blobs that files refer to as raw, and whether there are compressed ones beside them. */
  #rawBlobs(): { raw: Set<string>; mixed: boolean } {
    const raw = new Set<string>();
    let mixed = false;
    for (const { inodes } of this.image.metadatas) {
      for (const { mode } of inodes) {
        if (mode.kind !== "file") continue;
        for (const { blob } of mode.file) {
          if (blob.compressed) mixed = true;
          else raw.add(hexOf(blob.digest));
        }
      }
    }
    return { raw, mixed };
  }

  /**
   * A blob of the base; undefined where the layout has lost it, so that its chunks are stored anew. With `measure` its
   * fs-verity digest is computed: the Rust tool records a wrong one for the raw blobs of a compressed image.
   */
  #blob(hex: string, compressed: boolean, measure: boolean): Blob | undefined {
    const size = this.#layout.blobSize(hex);
    if (size === undefined) return undefined;
    const recorded = measure ? undefined : this.#verity.get(hex);
    const verity = recorded ?? fsVerityDigest(readFileSync(this.#layout.blobPath(hex)));
    return { digest: Buffer.from(hex, "hex"), hex, verity, size, compressed, temporary: undefined };
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
