import { readSync } from "node:fs";
import { close, type Directory } from "@puzzlefs/linux";
import { FILE_MODE, type StagedBlob, writeAll } from "@puzzlefs/oci";
import type { ChunkSink, Sink, WantedChunk } from "./download.ts";
import type { LocalChunks } from "./local-chunks.ts";

/** Chunks that arrive become files of a staging directory, one each. */
export class ChunkFiles implements Sink {
  readonly #staging: Directory;
  readonly #names = new Map<string, string>();
  #next = 0;

  constructor(staging: Directory) {
    this.#staging = staging;
  }

  begin({ digest }: WantedChunk): ChunkSink {
    const name = `fetched-${this.#next++}`;
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
  copy(chunk: WantedChunk, local: LocalChunks): boolean {
    const bytes = local.has(chunk) ? local.read(chunk) : undefined;
    if (bytes === undefined) return false;
    const sink = this.begin(chunk);
    let isWritten = false;
    try {
      sink.write(bytes);
      isWritten = true;
    } finally {
      sink.end(isWritten);
    }
    return true;
  }

  /** The bytes of a chunk that has arrived. */
  read({ digest, size }: { digest: string; size: number }): Buffer | undefined {
    const name = this.#names.get(digest);
    const file = name === undefined ? undefined : this.#staging.openFile(name);
    if (file === undefined) return undefined;
    try {
      const bytes = Buffer.allocUnsafe(size);
      let done = 0;
      for (let count = -1; done < size && count !== 0; done += count)
        count = readSync(file, bytes, done, size - done, done);
      return done === size ? bytes : undefined;
    } finally {
      close(file);
    }
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
