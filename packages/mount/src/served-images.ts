import type { MountableTree, OpenedTree } from "@puzzlefs/fuse";
import { type BlobCache, type ImageTree, openBlobCache, openImageIn } from "@puzzlefs/reader";
import { refuseOverlayMarks } from "./overlay-marks.ts";
import { type ServedImage, servedBlobs } from "./server-program.ts";

/** Blobs that an image keeps open which cannot share those of the store: it has them checked. */
const OWN_BLOBS = 64;

interface OpenImage {
  tree: ImageTree;
  users: number;
}

/**
 * The images that one process serves, all of one store. Mounts of the same image share its tree, and all images the store's open
 * blobs and decompressed frames, so that a further mount takes little memory.
 */
export class ServedImages {
  readonly #images = new Map<string, OpenImage>();
  #blobs: BlobCache | undefined;

  open({ store, manifest, options, overlay }: ServedImage): OpenedTree {
    const key = JSON.stringify([manifest, options]);
    const image = this.#images.get(key) ?? { tree: this.#open({ store, manifest, options }), users: 0 };
    this.#images.set(key, image);
    image.users++;
    const opened = { tree: image.tree satisfies MountableTree, [Symbol.dispose]: () => this.#leave(key, image) };
    try {
      if (overlay !== undefined) refuseOverlayMarks(image.tree, overlay.at, overlay.prefix);
      return opened;
    } catch (error) {
      opened[Symbol.dispose]();
      throw error;
    }
  }

  #open({ store, manifest, options }: ServedImage): ImageTree {
    const directory = servedBlobs(store);
    // A mount that sets the size of its cache has its own.
    if (options.frameCacheBytes !== undefined)
      return openImageIn(directory, manifest, { ...options, openBlobs: OWN_BLOBS });
    this.#blobs ??= openBlobCache(directory);
    return openImageIn(directory, manifest, { ...options, openBlobs: OWN_BLOBS, blobs: this.#blobs });
  }

  #leave(key: string, image: OpenImage): void {
    if (--image.users > 0) return;
    this.#images.delete(key);
    image.tree.close();
    // None is left that could need them.
    if (this.#images.size === 0) this.#blobs?.close();
  }
}
