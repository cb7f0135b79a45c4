import { BLOCK_BYTES } from "./header.ts";
import { ArchiveError } from "./layer-error.ts";

/** Reading that waits for more bytes where it yields. */
export type Reading<T> = Generator<void, T>;

/** The bytes of an archive that arrives in pieces of any size. */
export class ArchiveInput {
  #piece: Buffer = Buffer.alloc(0);
  #at = 0;
  /** Bytes before `piece`. */
  #before = 0;
  #ended = false;

  /** Bytes read so far. */
  get offset(): number {
    return this.#before + this.#at;
  }

  /** Replaces the last piece, which has been read to its end. */
  put(piece: Buffer): void {
    this.#before += this.#piece.length;
    this.#piece = piece;
    this.#at = 0;
  }

  end(): void {
    this.#ended = true;
  }

  /** The next bytes in one piece, valid until the next step; undefined where the archive has ended and `mayEnd`. */
  bytes(count: number): Reading<Buffer>;
  bytes(count: number, mayEnd: true): Reading<Buffer | undefined>;
  *bytes(count: number, mayEnd = false): Reading<Buffer | undefined> {
    if (this.#piece.length - this.#at >= count) {
      this.#at += count;
      return this.#piece.subarray(this.#at - count, this.#at);
    }
    const bytes = Buffer.allocUnsafe(count);
    for (let done = 0; done < count;) {
      if (!(yield* this.#more())) {
        if (done === 0 && mayEnd) return undefined;
        throw this.#truncated();
      }
      const taken = this.#piece.copy(bytes, done, this.#at, this.#at + count - done);
      this.#at += taken;
      done += taken;
    }
    return bytes;
  }

  /** Passes on `count` bytes, and reads what fills their last block if `size` bytes end there. */
  *data(count: number, size: number, take: (bytes: Buffer) => void): Reading<void> {
    for (let left = count; left > 0;) {
      if (!(yield* this.#more())) throw this.#truncated();
      const piece = this.#piece.subarray(this.#at, this.#at + left);
      take(piece);
      this.#at += piece.length;
      left -= piece.length;
    }
    const rest = size % BLOCK_BYTES;
    if (rest > 0) yield* this.bytes(BLOCK_BYTES - rest);
  }

  /** Everything to the end. */
  *rest(): Reading<void> {
    while (!this.#ended) {
      this.#at = this.#piece.length;
      yield;
    }
  }

  /** Waits for bytes; false if there are no more. */
  *#more(): Reading<boolean> {
    while (this.#at === this.#piece.length) {
      if (this.#ended) return false;
      yield;
    }
    return true;
  }

  #truncated(): ArchiveError {
    return new ArchiveError("corrupt", this.offset, "the archive ends inside of a member");
  }
}
