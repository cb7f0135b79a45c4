import { createHash } from "node:crypto";
import { constants, readSync, writeSync } from "node:fs";
import type { PackRecord } from "@puzzlefs/format";
import { close, type Directory } from "@puzzlefs/linux";
import { FILE_MODE, FsVerityHasher, sha256Hex, type StagedBlob, type Turns } from "@puzzlefs/oci";
import { IntegrityError } from "@puzzlefs/reader";
import type { Sink, WantedChunk } from "./download.ts";

const BUFFER_BYTES = 2 ** 18;

/** A pack that is put together in a file of a staging directory: of chunks that the layout has, and of what arrives. */
export class PackFile implements Sink {
  readonly record: PackRecord;
  /** Chunks that arrived and are right. */
  readonly received: WantedChunk[] = [];
  readonly #staging: Directory;
  readonly #name: string;
  #file: number | undefined;

  constructor(staging: Directory, record: PackRecord) {
    this.#staging = staging;
    this.#name = `made-${record.digest}`;
    this.record = record;
    this.#file = staging.createFile(this.#name, FILE_MODE);
  }

  /** sha256 of the pack that a file was to become, hex; undefined for other files. */
  static digestOf(name: string): string | undefined {
    return /^made-([0-9a-f]{64})$/.exec(name)?.[1];
  }

  receive(bytes: Uint8Array, position: number): void {
    const file = this.#open();
    for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done, bytes.length - done, position + done);
  }

  arrived(chunk: WantedChunk): void {
    this.received.push(chunk);
  }

  /** The bytes of a chunk; undefined if they are not right. */
  read({ digest, offset, size }: WantedChunk): Buffer | undefined {
    const bytes = Buffer.allocUnsafe(size);
    return this.#readInto(bytes, offset) === size && sha256Hex(bytes) === digest ? bytes : undefined;
  }

  /** Frees the descriptor; it is opened again when it is needed. */
  close(): void {
    if (this.#file !== undefined) close(this.#file);
    this.#file = undefined;
  }

  /** Checks the whole pack. Throws IntegrityError. */
  async finish(turns: Turns): Promise<StagedBlob> {
    const { digest, size, verity } = this.record;
    const name = `pack sha256:${digest}`;
    const sha256 = createHash("sha256");
    const verityHasher = new FsVerityHasher();
    const buffer = Buffer.allocUnsafe(BUFFER_BYTES);
    let position = 0;
    for (let count = 0; (count = this.#readInto(buffer, position)) > 0; position += count) {
      sha256.update(buffer.subarray(0, count));
      verityHasher.update(buffer.subarray(0, count));
      if (turns.isDue) await turns.take();
    }
    this.close();
    if (position !== size || sha256.digest("hex") !== digest) throw new IntegrityError(name, "digest");
    const found = verityHasher.digest().toString("hex");
    if (found !== verity) throw new IntegrityError(name, "verity", `it has ${found}, the bundle records ${verity}`);
    return { temporary: this.#name, digest };
  }

  remove(): void {
    this.close();
    this.received.length = 0;
    this.#staging.removeFile(this.#name);
  }

  #open(): number {
    this.#file ??= this.#staging.openFile(this.#name, constants.O_RDWR);
    if (this.#file === undefined) throw new Error(`${this.#name} is not in the staging directory`);
    return this.#file;
  }

  /** Returns fewer bytes at the end of the file. */
  #readInto(buffer: Buffer, position: number): number {
    const file = this.#open();
    let done = 0;
    for (let count = -1; done < buffer.length && count !== 0; done += count)
      count = readSync(file, buffer, done, buffer.length - done, position + done);
    return done;
  }
}
