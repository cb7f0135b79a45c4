import { constants, readSync } from "node:fs";
import { close, type Directory, FileStatus, hasCode, openat, reasonOf, syncfsAside } from "@puzzlefs/linux";
import { copyRootAttributes } from "@puzzlefs/mount";
import { BOOTSTRAP_FILE, bootstrapImage } from "@puzzlefs/oci";
import type { Usage } from "./snapshot.ts";
import { measureTree, removeTree } from "./tree.ts";

const REMOVED = "removed-";
/** Longer than the content of BOOTSTRAP_FILE. */
const BOOTSTRAP_BYTES = 256;
const CONTENT = "fs";
const WORK = "work";

/** The directories of snapshots: the files of each that is no image of PuzzleFS, and the working directory of its overlay. */
export class SnapshotDirectories {
  readonly #directory: Directory;
  readonly #log: (message: string) => void;

  /** @param directory which only this process changes; it stays the caller's */
  constructor(directory: Directory, log: (message: string) => void) {
    this.#directory = directory;
    this.#log = log;
  }

  contentOf(id: number): string {
    return `${this.#directory.path}/${id}/${CONTENT}`;
  }

  workOf(id: number): string {
    return `${this.#directory.path}/${id}/${WORK}`;
  }

  /** Makes the directories of a new snapshot, durably. The root gets the attributes of that at `below`. */
  make(id: number, below: string | undefined): void {
    const name = String(id);
    try {
      using directory = this.#directory.makeDirectory(name, 0o700);
      directory.makeDirectory(WORK, 0o711).close();
      using content = directory.makeDirectory(CONTENT, 0o755);
      if (below !== undefined) copyRootAttributes(below, content, this.#log);
      directory.sync();
    } catch (error) {
      this.#undo(name);
      throw error;
    }
    this.#directory.sync();
  }

  /** Removes the directories of a snapshot, if there are any. What cannot be removed is reported, and stays until sweep() is called. */
  async remove(id: number): Promise<void> {
    if (this.#discard(String(id))) await this.#empty(REMOVED + id);
  }

  /** Takes what belongs to no snapshot out of the way, at once. */
  discard(isKept: (id: number) => boolean): void {
    for (const name of this.#directory.names()) {
      if (/^\d{1,15}$/.test(name) && !isKept(Number(name))) this.#discard(name);
    }
  }

  /** Removes what earlier removals have left. */
  async sweep(): Promise<void> {
    for (const name of this.#directory.names()) if (name.startsWith(REMOVED)) await this.#empty(name);
  }

  async measure(id: number): Promise<Usage> {
    using directory = this.#content(id);
    return await measureTree(directory);
  }

  /** Writes the files of a snapshot to the disk, with all others of its file system. */
  async sync(id: number): Promise<void> {
    using directory = this.#content(id);
    const descriptor = openat(directory.descriptor, ".", constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await new Promise<void>((resolve, reject) => syncfsAside(descriptor, resolve, reject));
    } finally {
      close(descriptor);
    }
  }

  isEmpty(id: number): boolean {
    using content = this.#content(id);
    return content.names().length === 0;
  }

  /** The image of PuzzleFS, hex sha256 of its canonical manifest, whose bootstrap is all that the snapshot has. */
  bootstrapOf(id: number): string | undefined {
    using content = this.#content(id);
    const names = content.names();
    if (names.length !== 1 || names[0] !== BOOTSTRAP_FILE) return undefined;
    const status = new FileStatus();
    if (!content.status(BOOTSTRAP_FILE, status) || status.type !== constants.S_IFREG) return undefined;
    const file = content.openFile(BOOTSTRAP_FILE);
    if (file === undefined) return undefined;
    try {
      const bytes = Buffer.alloc(BOOTSTRAP_BYTES);
      return bootstrapImage(bytes.subarray(0, readSync(file, bytes, 0, bytes.length, 0)));
    } finally {
      close(file);
    }
  }

  #content(id: number): Directory {
    using directory = this.#directory.directory(String(id));
    return directory.directory(CONTENT);
  }

  /** False if there is nothing to be removed. */
  #discard(name: string): boolean {
    try {
      this.#directory.rename(name, this.#directory, REMOVED + name);
      return true;
    } catch (error) {
      if (hasCode(error, "ENOENT")) return false;
      throw error;
    }
  }

  async #empty(name: string): Promise<void> {
    try {
      await removeTree(this.#directory, name);
    } catch (error) {
      if (hasCode(error, "ENOENT")) return;
      this.#log(`${this.#directory.pathOf(name)}: not removed: ${reasonOf(error)}`);
    }
  }

  /** Of directories without files. */
  #undo(name: string): void {
    const quietly = (action: () => void): void => {
      try {
        action();
      } catch {
        // The error of what failed is reported.
      }
    };
    quietly(() => {
      using directory = this.#directory.directory(name);
      for (const part of [WORK, CONTENT]) quietly(() => directory.removeDirectory(part));
    });
    quietly(() => this.#directory.removeDirectory(name));
  }
}
