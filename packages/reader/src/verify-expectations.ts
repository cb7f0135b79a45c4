import type { BlobStore } from "@puzzlefs/oci";
import { keyDigest } from "./blob-key.ts";
import type { BlobKey } from "./blob-key.ts";

/** The requirements of all images on one blob. */
export interface BlobExpectation {
  /** Ways the blob is read, with the end of the furthest run in its uncompressed stream and a file that reaches it. */
  reaches: Map<BlobKey, { end: number; inode: number }>;
  /** Recorded fs-verity digests in hex. */
  verities: Set<string>;
  /** Whether a manifest lists the blob. */
  isListed: boolean;
  /** Whether a manifest lists the blob as compressed. */
  listedCompressed: boolean;
  /** The most stored bytes that a manifest justifies; undefined: none lists the blob. */
  mostBytes: number | undefined;
}

/** Bytes that frames and seek table of a small chunk take. */
const slack = 4096;

/** Gathers what all images of a store expect of its blobs, so that each blob is read once. */
export class Expectations {
  readonly #blobs = new Map<string, BlobExpectation>();

  digests(): Iterable<string> {
    return this.#blobs.keys();
  }

  /** Stored bytes of the blobs. */
  bytesIn(store: Pick<BlobStore, "size">): number {
    return [...this.digests()].reduce((sum, digest) => sum + (store.size(digest) ?? 0), 0);
  }

  /** The expectations of a blob, by hex digest; none yet for a new one. */
  of(digest: string): BlobExpectation {
    let blob = this.#blobs.get(digest);
    if (blob === undefined) {
      blob = {
        reaches: new Map(),
        verities: new Set(),
        isListed: false,
        listedCompressed: false,
        mostBytes: undefined,
      };
      this.#blobs.set(digest, blob);
    }
    return blob;
  }

  /** Whether an image needs the blob. */
  isNeeded(digest: string): boolean {
    const { isListed, reaches } = this.of(digest);
    return isListed || reaches.size > 0;
  }

  reaches(key: BlobKey, end: number, inode: number): void {
    const { reaches } = this.of(keyDigest(key));
    const known = reaches.get(key);
    if (known === undefined || known.end < end) reaches.set(key, { end, inode });
  }

  /** A manifest lists a blob with this size. */
  listed(digest: string, size: number | undefined, compressed: boolean): void {
    const blob = this.of(digest);
    blob.isListed = true;
    if (compressed) blob.listedCompressed = true;
    if (size === undefined) return;
    // The Rust tool lists the uncompressed size of a compressed chunk: of one that does not compress, less than is stored.
    const most = compressed ? 2 * size + slack : size;
    blob.mostBytes = Math.max(blob.mostBytes ?? 0, most);
  }
}
