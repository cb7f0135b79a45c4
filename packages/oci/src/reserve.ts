import { Directory } from "@puzzlefs/linux";

/** Descriptors that are kept for cleaning up in a process that cannot open any more. */
export class Reserve {
  /** The lock, a directory that is listed, and one of the layout's on the way there. */
  readonly #directories = Array.from({ length: 4 }, () => Directory.open("/"));

  /** Does nothing the second time. */
  release(): void {
    for (const directory of this.#directories.splice(0)) directory.close();
  }
}
