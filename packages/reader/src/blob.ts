import type { BlobFile } from "./blob-file.ts";
import type { Decompression } from "./decompression.ts";
import type { SeekTable } from "./seek-table.ts";

/** A blob's uncompressed stream, by position. */
export interface Blob {
  readonly file: BlobFile;
  /** Bytes of the uncompressed stream. */
  readonly length: number;
  /** Bytes of memory that the opened blob takes. */
  readonly memory: number;
  /** Fills `into` from `offset`; the range is inside `length`. @throws {IntegrityError} */
  read(offset: number, into: Uint8Array): void;
}

/** Memory of an open blob without its seek table, roughly. */
const ownMemory = 500;

/** A blob stored as it is. */
export class RawBlob implements Blob {
  readonly file: BlobFile;

  constructor(file: BlobFile) {
    this.file = file;
  }

  get memory(): number {
    return ownMemory + (this.file.stored.memory ?? 0);
  }

  get length(): number {
    return this.file.size;
  }

  read(offset: number, into: Uint8Array): void {
    this.file.read(into, offset);
  }
}

/** A blob in the zstd seekable format. A read touches the frames that it needs and no others. */
export class SeekableBlob implements Blob {
  readonly file: BlobFile;
  readonly #table: SeekTable;
  readonly #shared: Decompression;
  /** Of its first frame in the cache; the others count on. */
  readonly #firstKey: number;

  constructor(file: BlobFile, table: SeekTable, shared: Decompression) {
    this.file = file;
    this.#table = table;
    this.#shared = shared;
    this.#firstKey = shared.frames.reserve(table.frames);
  }

  get length(): number {
    return this.#table.length;
  }

  get memory(): number {
    return ownMemory + (this.file.stored.memory ?? 0) + 16 * this.#table.frames;
  }

  read(offset: number, into: Uint8Array): void {
    if (into.length === 0) return;
    const table = this.#table;
    const end = offset + into.length;
    const ahead = table.storedEnd(table.find(end - 1));
    for (let frame = table.find(offset), at = offset; at < end; frame++) {
      const start = table.start(frame);
      const next = table.start(frame + 1);
      const until = Math.min(next, end);
      if (until === at) continue;
      const piece = into.length === until - at ? into : into.subarray(at - offset, until - offset);
      // A frame that is wanted whole is not likely to be wanted soon again.
      if (at === start && until === next) this.#decompress(frame, ahead, piece);
      else piece.set(this.#cached(frame, next - start, ahead).subarray(at - start, until - start));
      at = until;
    }
  }

  #cached(frame: number, length: number, ahead: number): Uint8Array {
    const key = this.#firstKey + frame;
    const known = this.#shared.frames.get(key);
    return known ?? this.#shared.frames.put(key, length, (into) => this.#decompress(frame, ahead, into));
  }

  #decompress(frame: number, ahead: number, into: Uint8Array): void {
    const stored = this.#shared.stored(this.file, this.#table.storedStart(frame), this.#table.storedEnd(frame), ahead);
    this.#shared.decompress(this.file, frame, stored, into);
  }
}
