import { readSync } from "node:fs";
import { close, type Directory } from "@puzzlefs/linux";
import { FILE_MODE, type StagedBlob, writeAll } from "@puzzlefs/oci";
import type { ChunkSink, Sink, WantedChunk } from "./download.ts";

/** Where chunks are already. */
interface ChunkSource {
  has(chunk: WantedChunk): boolean;
  /** Undefined if it is damaged or gone. */
  read(chunk: WantedChunk): Buffer | undefined;
}

/** Chunks that arrive become files of a staging directory, one each. */
export class ChunkFiles implements Sink {
  readonly #staging: Directory;
  readonly #names = new Map<string, string>();
  readonly #prefix: string;
  #next = 0;

  /** @param prefix of the names of files, one for each object of a directory */
  constructor(staging: Directory, prefix = "fetched") {
    this.#staging = staging;
    this.#prefix = prefix;
  }

  /** Whether a file is one of a chunk that has arrived, or was arriving. */
  static isName(name: string): boolean {
    return /^(fetched|left)-\d+$/.test(name);
  }

  begin({ digest }: WantedChunk): ChunkSink {
    const name = `${this.#prefix}-${this.#next++}`;
    const file = this.#staging.createFile(name, FILE_MODE);
    let isOpen = true;
    return {
      write: (bytes) => writeAll(file, bytes),
      end: (isRight) => {
        if (isOpen) close(file);
        isOpen = false;
        if (isRight && !this.#names.has(digest)) this.#names.set(digest, name);
        else this.#staging.removeFile(name);
      },
    };
  }

  /** Makes the file of a chunk that the layout has elsewhere; false if it does not have it. */
  copy(chunk: WantedChunk, from: ChunkSource): boolean {
    const bytes = from.has(chunk) ? from.read(chunk) : undefined;
    if (bytes !== undefined) this.add(chunk, bytes);
    return bytes !== undefined;
  }

  /** Makes the file of a chunk. */
  add(chunk: WantedChunk, bytes: Uint8Array): void {
    const sink = this.begin(chunk);
    let isWritten = false;
    try {
      sink.write(bytes);
      isWritten = true;
    } finally {
      sink.end(isWritten);
    }
  }

  /** Takes over a file of the staging directory that has the bytes of a chunk. */
  adopt(digest: string, name: string): void {
    this.#names.set(digest, name);
  }

  /** The bytes of a chunk that has arrived. */
  read({ digest, size }: { digest: string; size: number }): Buffer | undefined {
    const name = this.#names.get(digest);
    return name === undefined ? undefined : readPart(this.#staging, name, 0, size);
  }

  /** Removes the file of a chunk. */
  remove(digest: string): void {
    const name = this.#names.get(digest);
    if (name === undefined) return;
    this.#staging.removeFile(name);
    this.#names.delete(digest);
  }

  /** Those that are there. */
  staged(): StagedBlob[] {
    return [...this.#names].map(([digest, temporary]) => ({ temporary, digest }));
  }
}

/** A part of a file; undefined if the file does not have all of it. */
export function readPart(directory: Directory, name: string, start: number, size: number): Buffer | undefined {
  const file = directory.openFile(name);
  if (file === undefined) return undefined;
  try {
    const bytes = Buffer.allocUnsafe(size);
    let done = 0;
    for (let count = -1; done < size && count !== 0; done += count)
      count = readSync(file, bytes, done, size - done, start + done);
    return done === size ? bytes : undefined;
  } finally {
    close(file);
  }
}
