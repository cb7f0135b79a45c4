/**
 * Blobs by digest, wherever they are stored. Readers, the verifier, and the builder's reading of base images use nothing
 * else. A digest is a sha256 as 64 lower-case hex digits; anything else throws TypeError.
 *
 * BlobDirectory is a directory of a layout on disk. PackedBlobs are the blobs of a packed image: `open` returns a slice of
 * a pack's file, as the image's place table records it.
 *
 * The interface is synchronous because a local store answers at once, and a reader must not pay for a promise per
 * chunk. A source that answers later, such as a registry, is not a BlobStore: a fetcher writes what it receives into a
 * local one. `open` of a blob that is not there yet throws LayoutError (missing). The reader's caller then asks for it by `fetch`,
 * waits on its own event loop, and repeats the read.
 */
export interface BlobStore extends Disposable {
  /** Path or URL of the store, for messages. */
  readonly path: string;
  /** The same of a blob. */
  pathOf(digest: string): string;
  /** Opens a blob; close() it. Throws LayoutError: missing, or corrupt (not a regular file); SystemError otherwise. */
  open(digest: string): StoredBlob;
  /**
   * Opens a blob that will probably be read soon, without making the caller wait. `use` gets undefined if that fails, for
   * any reason. The blob has not been checked: `size` may throw.
   */
  openAhead(digest: string, use: (blob: StoredBlob | undefined) => void): void;
  /** A whole blob of at most `limit` bytes, verified against its digest. Throws LayoutError (missing, corrupt). */
  read(digest: string, limit: number): Buffer;
  has(digest: string): boolean;
  /** Stored bytes; undefined if the store does not have the blob. */
  size(digest: string): number | undefined;
  /** Digests of all blobs, in no order. */
  list(): string[];
  /** Removes a blob; false if the store does not have it. In a layout, call it under Layout.locked(). */
  remove(digest: string): boolean;
  /**
   * Keeps the image with this manifest in the store until that is disposed of: gc does not remove what is in use. Left out by stores from
   * which nothing is removed. Throws LayoutError (missing).
   */
  hold?(manifest: string): Disposable;
  /**
   * Asks a fetcher for blobs. Settles when all of them can be opened, at least for a moment; rejected if one cannot be fetched. Left out
   * by stores that have no fetcher.
   */
  readonly fetch?: ((digests: readonly string[]) => Promise<void>) | undefined;
  close(): void;
}

/** An open blob: stored bytes by position. All methods throw SystemError, without the blob's name. */
export interface StoredBlob {
  /** Stored bytes. Throws LayoutError (corrupt) if it was opened ahead and is not a regular file. */
  readonly size: number;
  /** Bytes on the disk, or what the store takes instead: far fewer than `size` for a file with large holes. */
  readonly allocated: number;
  /** Bytes of memory that it takes while it is open, if many. */
  readonly memory?: number;
  /** Reads into `into`, from its byte `at` on; returns the number of bytes, 0 at the end. */
  read(into: Uint8Array, at: number, position: number): number;
  /** Starts to read `bytes` from `position` (default: the start) on from the disk, and does not wait. Only a hint. */
  willNeed(bytes: number, position?: number): void;
  /**
   * The fs-verity digest that the kernel enforces on exactly these bytes; undefined if none: fs-verity is not enabled, or
   * the blob is only a part of a file. Throws ENOTTY or EOPNOTSUPP if the file system does not support it.
   */
  measureVerity(): Buffer | undefined;
  /** Lets the kernel enforce the fs-verity digest from now on. */
  enableVerity(): void;
  close(): void;
}
