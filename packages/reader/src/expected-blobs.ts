import { CALLS_ASIDE, close, willNeed } from "@puzzlefs/linux";
import type { BlobDirectory } from "@puzzlefs/oci";
import { type BlobKey, keyDigest } from "./blob-cache.ts";

/** Blobs that wait for their first read. */
const most = 64;
/** Of each. */
const bytesAhead = 1 << 20;

/**
 * Blobs that are being opened, for all images of the process: koffi throws where too many calls are under way. Threads open
 * on while a program that never returns to the event loop hears nothing of it.
 */
let opening = 0;

/**
 * Blobs that will probably be read soon: opened by other threads, and read ahead by the disk, while this one answers. Nothing
 * waits for that and no failure of it counts, as who reads such a blob finds out by itself.
 */
export class ExpectedBlobs {
  readonly #store: BlobDirectory;
  /** Descriptors; undefined: not open yet. */
  readonly #files = new Map<BlobKey, number | undefined>();

  constructor(store: BlobDirectory) {
    this.#store = store;
  }

  expect(key: BlobKey): void {
    if (opening >= CALLS_ASIDE || this.#files.has(key)) return;
    if (this.#files.size >= most) this.#dropOldest();
    this.#files.set(key, undefined);
    opening++;
    this.#store.openAside(keyDigest(key), (descriptor) => {
      opening--;
      if (descriptor === undefined) return void this.#files.delete(key);
      willNeed(descriptor, bytesAhead);
      // It may be given up, or expected a second time.
      if (this.#files.has(key) && this.#files.get(key) === undefined) this.#files.set(key, descriptor);
      else close(descriptor);
    });
  }

  /** The blob's descriptor, which is the caller's from now on; undefined where it has not been opened in time. */
  take(key: BlobKey): number | undefined {
    const descriptor = this.#files.get(key);
    this.#files.delete(key);
    return descriptor;
  }

  /** Gives all up. Whether any was open. */
  clear(): boolean {
    const open = [...this.#files.values()].some((descriptor) => descriptor !== undefined);
    while (this.#files.size > 0) this.#dropOldest();
    return open;
  }

  #dropOldest(): void {
    const [oldest] = this.#files.keys();
    if (oldest === undefined) return;
    const descriptor = this.take(oldest);
    if (descriptor !== undefined) close(descriptor);
  }
}
