import { readSync, writeSync } from "node:fs";
import { close, type Directory } from "@puzzlefs/linux";

const BUFFER_BYTES = 1 << 20;

/** A temporary file without a name, that bytes are appended to and then read from: it is gone when the process ends. */
export class Spool implements Disposable {
  readonly #descriptor: number;
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #buffered = 0;
  #written = 0;

  constructor(directory: Directory) {
    const name = "spool";
    this.#descriptor = directory.createFile(name, 0o600);
    directory.removeFile(name);
  }

  /** Bytes appended so far. */
  get size(): number {
    return this.#written + this.#buffered;
  }

  append(bytes: Uint8Array): void {
    if (this.#buffered + bytes.length > BUFFER_BYTES) this.flush();
    if (bytes.length >= BUFFER_BYTES) return this.#write(bytes);
    this.#buffer.set(bytes, this.#buffered);
    this.#buffered += bytes.length;
  }

  /** To be called before the first read(). */
  flush(): void {
    const buffered = this.#buffered;
    this.#buffered = 0;
    this.#write(this.#buffer.subarray(0, buffered));
  }

  /** Reads `count` bytes from `position` on into `into` at `at`. */
  read(into: Uint8Array, at: number, count: number, position: number): void {
    for (let done = 0; done < count;) {
      const length = readSync(this.#descriptor, into, at + done, count - done, position + done);
      if (length === 0) throw new Error("the temporary file is shorter than it was written");
      done += length;
    }
  }

  close(): void {
    close(this.#descriptor);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const count = writeSync(this.#descriptor, bytes, done, bytes.length - done, this.#written);
      this.#written += count;
      done += count;
    }
  }
}
