import { type BlobStore, isHexDigest, LayoutError, MemoryBlob, sha256Hex, type StoredBlob } from "@puzzlefs/oci";
import type { FetchClient } from "./fetch-client.ts";

/** Bytes of chunks that have arrived and are kept until they are read, or are in the store. */
const KEPT_BYTES = 32 << 20;

/**
 * The blobs of a layout with a fetcher: chunks that are missing can be asked for. What arrives is hashed here too, so that no reader sees
 * bytes of another digest, and kept in memory for a while: it may not be stored, where the disk is full.
 */
export class LazyBlobs implements BlobStore {
  readonly #store: BlobStore;
  readonly #client: FetchClient;
  /** The one that arrived first, first. */
  readonly #arrived = new Map<string, Buffer>();
  #bytes = 0;

  /** Takes ownership of both. */
  constructor(store: BlobStore, client: FetchClient) {
    this.#store = store;
    this.#client = client;
    client.onChunk = (digest, bytes) => this.#keep(digest, bytes);
  }

  get path(): string {
    return this.#store.path;
  }

  pathOf(digest: string): string {
    return this.#store.pathOf(digest);
  }

  open(digest: string): StoredBlob {
    const arrived = this.#arrived.get(digest);
    return arrived === undefined ? this.#store.open(digest) : new MemoryBlob(arrived);
  }

  openAhead(digest: string, use: (blob: StoredBlob | undefined) => void): void {
    const arrived = this.#arrived.get(digest);
    if (arrived === undefined) this.#store.openAhead(digest, use);
    else use(new MemoryBlob(arrived));
  }

  read(digest: string, limit: number): Buffer {
    return this.#store.read(digest, limit);
  }

  has(digest: string): boolean {
    return this.size(digest) !== undefined;
  }

  size(digest: string): number | undefined {
    return this.#arrived.get(digest)?.length ?? this.#store.size(digest);
  }

  list(): string[] {
    return this.#store.list();
  }

  remove(digest: string): boolean {
    return this.#store.remove(digest);
  }

  hold(manifest: string): Disposable {
    return this.#store.hold?.(manifest) ?? new DisposableStack();
  }

  fetch(digests: readonly string[]): Promise<void> {
    return this.#client.want(digests.filter((digest) => isHexDigest(digest) && !this.has(digest)));
  }

  close(): void {
    this.#client.close();
    this.#arrived.clear();
    this.#store.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @throws {LayoutError} it does not have its digest */
  #keep(digest: string, bytes: Buffer): void {
    if (sha256Hex(bytes) !== digest)
      throw new LayoutError("corrupt", this.pathOf(digest), "the fetcher sent other bytes");
    if (this.#arrived.has(digest)) return;
    this.#arrived.set(digest, bytes);
    this.#bytes += bytes.length;
    for (const [oldest, { length }] of this.#arrived) {
      if (this.#bytes <= KEPT_BYTES || this.#arrived.size === 1) return;
      this.#arrived.delete(oldest);
      this.#bytes -= length;
    }
  }
}
