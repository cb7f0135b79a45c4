import { CALLS_ASIDE } from "@puzzlefs/linux";
import type { BlobStore, StoredBlob } from "@puzzlefs/oci";
import { type BlobKey, keyDigest } from "./blob-key.ts";

/** Blobs that wait for their first read. */
const most = 64;
/** Of each. */
const bytesAhead = 1 << 20;

/**
 * Blobs that are being opened, for all images of the process: koffi throws if too many calls are under way. Threads go on
 * opening while a program does not return to the event loop, but the program does not learn of it.
 */
let opening = 0;

/**
 * Blobs that will probably be read soon: opened by other threads and read ahead from the disk, while this thread answers.
 * No read waits for that, and errors are ignored: the read of the blob itself will report them.
 */
export class ExpectedBlobs {
  readonly #store: BlobStore;
  /** Undefined: not open yet. */
  readonly #blobs = new Map<BlobKey, StoredBlob | undefined>();

  constructor(store: BlobStore) {
    this.#store = store;
  }

  expect(key: BlobKey): void {
    if (opening >= CALLS_ASIDE || this.#blobs.has(key)) return;
    if (this.#blobs.size >= most) this.#dropOldest();
    this.#blobs.set(key, undefined);
    opening++;
    this.#store.openAhead(keyDigest(key), (blob) => {
      opening--;
      if (blob === undefined) return void this.#blobs.delete(key);
      blob.willNeed(bytesAhead);
      // It may have been dropped, or expected a second time.
      if (this.#blobs.has(key) && this.#blobs.get(key) === undefined) this.#blobs.set(key, blob);
      else blob.close();
    });
  }

  /** The open blob, which belongs to the caller from now on; undefined if it has not been opened in time. */
  take(key: BlobKey): StoredBlob | undefined {
    const blob = this.#blobs.get(key);
    this.#blobs.delete(key);
    return blob;
  }

  /** Drops all. Returns whether any was open. */
  clear(): boolean {
    const open = [...this.#blobs.values()].some((blob) => blob !== undefined);
    while (this.#blobs.size > 0) this.#dropOldest();
    return open;
  }

  #dropOldest(): void {
    const [oldest] = this.#blobs.keys();
    if (oldest !== undefined) this.take(oldest)?.close();
  }
}
