import { Directory } from "@puzzlefs/linux";

/** Descriptors in reserve: cleaning up must work also when the process has no free descriptor. */
export class Reserve {
  /** The lock, a directory that is listed, and one of the layout's on the way there. */
  readonly #directories = Array.from({ length: 4 }, () => Directory.open("/"));

  /** Does nothing the second time. */
  release(): void {
    for (const directory of this.#directories.splice(0)) directory.close();
  }
}
