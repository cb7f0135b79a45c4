import type { ManifestBlob } from "@puzzlefs/format";
import { type Layout, lazyChunks, lazySource, type LazyState, lazyState } from "@puzzlefs/oci";

/** What a lazy image has and lacks. */
export interface LazyReport extends LazyState {
  /** Its tag or digest. */
  image: string;
  /** The image in a registry from which the rest is fetched. */
  source: string;
}

/** Blobs that are missing because only lazy images need them. */
export class LazyAbsences {
  readonly #layout: Layout;
  readonly #lazy = new Set<string>();
  /** Needed by images that are not lazy. */
  readonly #needed = new Set<string>();

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /** Adds an image by the digest of its stored manifest, and the blobs that this lists. Undefined: it is not lazy. Throws LayoutError. */
  add(manifest: string, image: string, listed: readonly ManifestBlob[]): LazyReport | undefined {
    const { blobs } = this.#layout;
    const source = lazySource(this.#layout, manifest);
    const state = lazyState(this.#layout, manifest);
    if (source === undefined || state === undefined) {
      for (const { digest = "" } of listed) this.#needed.add(digest);
      return undefined;
    }
    for (const { type, digest = "" } of listed) if (type === "pack" && !blobs.has(digest)) this.#lazy.add(digest);
    for (const { digest, present } of lazyChunks(this.#layout, manifest)) if (!present) this.#lazy.add(digest);
    return { image, source: source.name, ...state };
  }

  /** Whether a blob is missing only because it has not been fetched yet. All images have been added. */
  explains(digest: string): boolean {
    return this.#lazy.has(digest) && !this.#needed.has(digest) && !this.#layout.blobs.has(digest);
  }
}
