import { LayoutError } from "./errors.ts";
import type { Count } from "./garbage-report.ts";
import type { Layout } from "./image-layout.ts";
import { blobsOf } from "./reachable.ts";

/** The blobs that an image needs. */
export interface ImageShare {
  /** All of them that are in the layout, manifest and configuration too. */
  stored: Count;
  /** Those of them that no other image needs: untag and gc free them. */
  frees: Count;
}

/** What one image of a series adds to those before it. */
export interface Growth {
  /** Blobs that none of the images before it needs. */
  added: Count;
  /** Blobs of this image and of all before it. */
  total: Count;
}

/** More users of a blob are not counted. */
const SHARED = 2;

/**
 * The blobs that some images need, each as a number, because the digests of a hundred images would be in memory a hundred times. Only
 * the manifests are read, not the metadata. Blobs that are not in the layout count as none.
 */
export class ImageBlobs {
  /** By image; undefined: its manifest is missing or damaged. */
  readonly #closures: (Uint32Array | undefined)[];
  /** By blob: bytes; -1: not in the layout. */
  readonly #sizes: Float64Array;
  /** By blob: images that need it. */
  readonly #users: Uint8Array;

  /** @param manifests hex; one that comes twice is shared with itself */
  constructor(layout: Layout, manifests: readonly (string | undefined)[]) {
    const ids = new Map<string, number>();
    this.#closures = manifests.map((manifest) => {
      const needed = manifest === undefined ? undefined : readClosure(layout, manifest);
      if (needed === undefined) return undefined;
      return Uint32Array.from(needed, (digest) => {
        const id = ids.get(digest) ?? ids.size;
        ids.set(digest, id);
        return id;
      });
    });
    this.#sizes = Float64Array.from(ids.keys(), (digest) => layout.blobs.size(digest) ?? -1);
    this.#users = new Uint8Array(ids.size);
    for (const closure of this.#closures)
      for (const id of closure ?? []) this.#users[id] = Math.min(SHARED, (this.#users[id] as number) + 1);
  }

  /** What each image needs, and needs alone. Undefined for one that is missing or damaged. */
  shares(): (ImageShare | undefined)[] {
    return this.#closures.map((closure) => {
      if (closure === undefined) return undefined;
      return { stored: this.#sum(closure), frees: this.#sum(closure, (id) => this.#users[id] === 1) };
    });
  }

  /** What each image adds to those before it, in the order in which they were given. Undefined as in shares(). */
  growth(): (Growth | undefined)[] {
    const seen = new Uint8Array(this.#sizes.length);
    let total: Count = { blobs: 0, bytes: 0 };
    return this.#closures.map((closure) => {
      if (closure === undefined) return undefined;
      const added = this.#sum(closure, (id) => seen[id] === 0);
      for (const id of closure) seen[id] = 1;
      total = { blobs: total.blobs + added.blobs, bytes: total.bytes + added.bytes };
      return { added, total };
    });
  }

  /** Bytes that each of these images (by their positions) needs together with each other one of them; its own bytes in the diagonal. */
  sharedBytes(images: readonly number[]): number[][] {
    const table = images.map(() => images.map(() => 0));
    const marks = new Uint32Array(this.#sizes.length);
    for (const [row, image] of images.entries()) {
      for (const id of this.#closures[image] ?? []) marks[id] = row + 1;
      for (let column = row; column < images.length; column++) {
        const closure = this.#closures[images[column] as number] ?? new Uint32Array();
        const { bytes } = this.#sum(closure, (id) => marks[id] === row + 1);
        (table[row] as number[])[column] = bytes;
        (table[column] as number[])[row] = bytes;
      }
    }
    return table;
  }

  #sum(closure: Uint32Array, isCounted: (id: number) => boolean = () => true): Count {
    const count = { blobs: 0, bytes: 0 };
    for (const id of closure) {
      const size = this.#sizes[id] as number;
      if (size < 0 || !isCounted(id)) continue;
      count.blobs++;
      count.bytes += size;
    }
    return count;
  }
}

/** The digests of the blobs that a manifest needs. Undefined for one that is missing or damaged. */
export function readClosure(layout: Layout, manifest: string): Set<string> | undefined {
  if (!layout.blobs.has(manifest)) return undefined;
  try {
    return blobsOf(layout.blobs, manifest);
  } catch (error) {
    if (!(error instanceof LayoutError)) throw error;
    return undefined;
  }
}
