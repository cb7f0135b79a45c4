import type { PackRecord, Place, PlaceTable } from "@puzzlefs/format";
import type { BlobStore, StoredBlob } from "./blob-store.ts";
import { isHexDigest, sha256Hex } from "./digests.ts";
import { LayoutError } from "./errors.ts";
import { SharedBlobs, type SharedBlob } from "./shared-blobs.ts";

/** Throws to refuse a pack that was opened. */
export type PackCheck = (blob: StoredBlob, pack: PackRecord) => void;

/**
 * The blobs of a packed image: chunks are slices of its packs, and the blobs of its bundle are in memory. All others, and the chunks
 * of a pack that is missing, are those of the store below, which stays open when this one is closed.
 */
export class PackedBlobs implements BlobStore {
  readonly table: PlaceTable;
  readonly #store: BlobStore;
  readonly #own: ReadonlyMap<string, Uint8Array>;
  readonly #packs: SharedBlobs;
  readonly #check: PackCheck | undefined;
  /** Whether each pack is in the store and has its size; undefined: not asked yet. */
  readonly #present: (boolean | undefined)[] = [];

  /** @param own the blobs of the bundle, by hex digest */
  constructor(store: BlobStore, table: PlaceTable, own: ReadonlyMap<string, Uint8Array>, check?: PackCheck) {
    this.table = table;
    this.#store = store;
    this.#own = own;
    this.#check = check;
    this.#packs = new SharedBlobs((digest) => this.#openPack(digest));
  }

  get path(): string {
    return this.#store.path;
  }

  /** Of a slice, that of its pack. */
  pathOf(digest: string): string {
    const place = this.#find(digest);
    return this.#store.pathOf(place === undefined ? digest : this.#packOf(place).digest);
  }

  open(digest: string): StoredBlob {
    const own = this.#own.get(digest);
    if (own !== undefined) return new MemoryBlob(own);
    const place = this.#find(digest);
    if (place === undefined) return this.#store.open(digest);
    try {
      return new Slice(this.#packs.open(this.#packOf(place).digest), place);
    } catch (error) {
      // A chunk that is a blob of its own would not be checked.
      if (!isMissing(error) || this.#check !== undefined || !this.#store.has(digest)) throw error;
      return this.#store.open(digest);
    }
  }

  openAhead(digest: string, use: (blob: StoredBlob | undefined) => void): void {
    const place = this.#find(digest);
    if (place === undefined) return this.#store.openAhead(digest, use);
    let blob: StoredBlob | undefined;
    try {
      blob = this.open(digest);
    } catch {
      // The read itself reports it.
    }
    use(blob);
  }

  read(digest: string, limit: number): Buffer {
    if (!this.#own.has(digest) && this.#find(digest) === undefined) return this.#store.read(digest, limit);
    const blob = this.open(digest);
    try {
      const path = this.pathOf(digest);
      if (blob.size > limit) throw new LayoutError("corrupt", path, `${blob.size} bytes, more than ${limit}`);
      const bytes = Buffer.allocUnsafe(blob.size);
      for (let done = 0; done < bytes.length;) {
        const count = blob.read(bytes, done, done);
        if (count === 0) throw new LayoutError("corrupt", path, `it ends before sha256:${digest} does`);
        done += count;
      }
      const found = sha256Hex(bytes);
      if (found !== digest)
        throw new LayoutError("corrupt", path, `a slice that should have sha256 ${digest} has ${found}`);
      return bytes;
    } finally {
      blob.close();
    }
  }

  has(digest: string): boolean {
    return this.size(digest) !== undefined;
  }

  size(digest: string): number | undefined {
    const own = this.#own.get(digest);
    if (own !== undefined) return own.length;
    const place = this.#find(digest);
    return place !== undefined && this.#isPresent(place.pack) ? place.size : this.#store.size(digest);
  }

  list(): string[] {
    return this.#store.list();
  }

  remove(digest: string): boolean {
    return this.#store.remove(digest);
  }

  /** Of the store below. */
  get fetch(): BlobStore["fetch"] {
    const { fetch } = this.#store;
    return fetch?.bind(this.#store);
  }

  /** Closes the packs. */
  close(): void {
    this.#packs.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #find(digest: string): Place | undefined {
    if (!isHexDigest(digest)) throw new TypeError(`not a sha256 in hex: ${JSON.stringify(digest)}`);
    return this.table.find(digest);
  }

  #packOf({ pack }: Place): PackRecord {
    return this.table.packs[pack];
  }

  #isPresent(pack: number): boolean {
    const { digest, size } = this.table.packs[pack];
    return (this.#present[pack] ??= this.#store.size(digest) === size);
  }

  #openPack(digest: string): StoredBlob {
    const pack = this.table.packs.find((one) => one.digest === digest) as PackRecord;
    const blob = this.#store.open(digest);
    try {
      if (blob.size !== pack.size) {
        const problem = `a pack of ${blob.size} bytes instead of ${pack.size}`;
        throw new LayoutError("corrupt", this.#store.pathOf(digest), problem);
      }
      this.#check?.(blob, pack);
      return blob;
    } catch (error) {
      blob.close();
      throw error;
    }
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof LayoutError && error.kind === "missing";
}

/** A chunk in a pack. */
class Slice implements StoredBlob {
  readonly #pack: SharedBlob;
  readonly #place: Place;

  /** Takes ownership of `pack`. */
  constructor(pack: SharedBlob, place: Place) {
    this.#pack = pack;
    this.#place = place;
  }

  get size(): number {
    return this.#place.size;
  }

  get allocated(): number {
    return this.#place.size;
  }

  read(into: Uint8Array, at: number, position: number): number {
    const left = this.#place.size - position;
    if (left <= 0) return 0;
    const end = Math.min(into.length, at + left);
    return this.#pack.blob.read(end === into.length ? into : into.subarray(0, end), at, this.#place.offset + position);
  }

  willNeed(bytes: number, position = 0): void {
    this.#pack.blob.willNeed(Math.min(bytes, this.#place.size - position), this.#place.offset + position);
  }

  /** The kernel measures whole files only. */
  measureVerity(): undefined {
    return undefined;
  }

  enableVerity(): never {
    throw new LayoutError("refused", "a chunk of a pack", "fs-verity is for whole files");
  }

  close(): void {
    this.#pack.release();
  }
}

/** A blob that is in memory. */
export class MemoryBlob implements StoredBlob {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get size(): number {
    return this.#bytes.length;
  }

  get allocated(): number {
    return this.#bytes.length;
  }

  get memory(): number {
    return this.#bytes.length;
  }

  read(into: Uint8Array, at: number, position: number): number {
    const piece = this.#bytes.subarray(position, position + into.length - at);
    into.set(piece, at);
    return piece.length;
  }

  willNeed(): void {}

  measureVerity(): undefined {
    return undefined;
  }

  enableVerity(): never {
    throw new LayoutError("refused", "a blob in memory", "fs-verity is for whole files");
  }

  close(): void {}
}
