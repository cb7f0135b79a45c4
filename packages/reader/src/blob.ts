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
  /** Fills `into` from `offset`; the range lies inside `length`. @throws {IntegrityError} */
  read(offset: number, into: Uint8Array): void;
  /** Where the stored bytes of a range of the stream are; undefined when it does not start and end with frames. */
  storedRange(offset: number, length: number): { start: number; end: number } | undefined;
}

/** What a blob costs besides its seek table, roughly. */
const ownMemory = 500;

/** A blob stored as it is. */
export class RawBlob implements Blob {
  readonly file: BlobFile;
  readonly memory = ownMemory;

  constructor(file: BlobFile) {
    this.file = file;
  }

  get length(): number {
    return this.file.size;
  }

  read(offset: number, into: Uint8Array): void {
    this.file.read(into, offset);
  }

  storedRange(offset: number, length: number): { start: number; end: number } {
    return { start: offset, end: offset + length };
  }
}

/** A blob in the zstd seekable format. A read touches the frames that it needs and no others. */
export class SeekableBlob implements Blob {
  readonly file: BlobFile;
  readonly #table: SeekTable;
  readonly #shared: Decompression;
  /** Of its frames in the cache: the blob's key, so that they outlive a closed descriptor. */
  readonly #key: string;

  constructor(file: BlobFile, key: string, table: SeekTable, shared: Decompression) {
    this.file = file;
    this.#key = key;
    this.#table = table;
    this.#shared = shared;
  }

  get length(): number {
    return this.#table.length;
  }

  get memory(): number {
    return ownMemory + 16 * this.#table.frames;
  }

  read(offset: number, into: Uint8Array): void {
    if (into.length === 0) return;
    const last = this.#table.find(offset + into.length - 1);
    const ahead = this.#table.storedEnd(last);
    let frame = this.#table.find(offset);
    let done = 0;
    while (done < into.length) {
      const start = this.#table.start(frame);
      const skip = offset + done - start;
      const take = Math.min(this.#table.start(frame + 1) - start - skip, into.length - done);
      if (take > 0) this.#readFrame(frame, skip, into.subarray(done, done + take), ahead);
      done += take;
      frame += 1;
    }
  }

  #readFrame(frame: number, skip: number, into: Uint8Array, ahead: number): void {
    const length = this.#table.start(frame + 1) - this.#table.start(frame);
    const fill = (whole: Uint8Array): void => {
      const stored = this.#shared.stored(
        this.file,
        this.#table.storedStart(frame),
        this.#table.storedEnd(frame),
        ahead,
      );
      this.#shared.decompress(this.file, frame, stored, whole);
    };
    const key = `${this.#key}${frame}`;
    const cached = this.#shared.frames.get(key);
    if (cached === undefined && into.length === length) {
      // A frame that is wanted whole is not likely to be wanted soon again.
      fill(into);
      return;
    }
    const whole = cached ?? this.#shared.frames.put(key, length, fill);
    into.set(whole.subarray(skip, skip + into.length));
  }

  storedRange(offset: number, length: number): { start: number; end: number } | undefined {
    if (length === 0 || offset + length > this.length) return undefined;
    const first = this.#table.find(offset);
    const last = this.#table.find(offset + length - 1);
    if (this.#table.start(first) !== offset || this.#table.start(last + 1) !== offset + length) return undefined;
    return { start: this.#table.storedStart(first), end: this.#table.storedEnd(last) };
  }
}
