import { constants, readSync } from "node:fs";
import { close, type Directory, enableFsVerityOf, FileStatus, measureFsVerityOf, willNeed } from "@puzzlefs/linux";
import type { StoredBlob } from "./blob-store.ts";
import { LayoutError } from "./errors.ts";

const status = new FileStatus();

/** A blob that is a file of its own. */
export class FileBlob implements StoredBlob {
  readonly #descriptor: number;
  /** Where it was opened, for messages. */
  readonly #directory: Directory;
  readonly #name: string;
  #size: number | undefined;

  /**
   * Takes ownership of `descriptor`.
   *
   * @param size undefined if it is not known yet whether this is a regular file
   */
  constructor(descriptor: number, directory: Directory, name: string, size?: number) {
    this.#descriptor = descriptor;
    this.#directory = directory;
    this.#name = name;
    this.#size = size;
  }

  get size(): number {
    if (this.#size !== undefined) return this.#size;
    status.readDescriptor(this.#descriptor);
    if (status.type !== constants.S_IFREG) throw new LayoutError("corrupt", this.#path(), "not a regular file");
    return (this.#size = status.size);
  }

  get allocated(): number {
    status.readDescriptor(this.#descriptor);
    return status.allocated;
  }

  read(into: Uint8Array, at: number, position: number): number {
    return readSync(this.#descriptor, into, at, into.length - at, position);
  }

  willNeed(bytes: number, position = 0): void {
    willNeed(this.#descriptor, bytes, position);
  }

  measureVerity(): Buffer | undefined {
    return measureFsVerityOf(this.#descriptor, this.#path());
  }

  enableVerity(): void {
    enableFsVerityOf(this.#descriptor, this.#path());
  }

  close(): void {
    close(this.#descriptor);
  }

  #path(): string {
    return this.#directory.pathOf(this.#name);
  }
}
