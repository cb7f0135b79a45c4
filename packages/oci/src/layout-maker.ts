import { ftruncateSync, readSync } from "node:fs";
import { Directory, FileStatus, fsync, hasCode, isSystemError, type MadeDirectory } from "@puzzlefs/linux";
import { LayoutError } from "./errors.ts";
import { DIRECTORY_MODE, readRegular, replaceDurably, writeAll } from "./files.ts";
import { ImageIndex } from "./index-json.ts";
import { linked, makeLinked, removeMade } from "./linked-directory.ts";
import { lockSteps, withLock, type Waiting } from "./lock.ts";
import type { Steps } from "./steps.ts";
import { Reserve } from "./reserve.ts";
import { createStaging, isStaged, removeStaging } from "./staging.ts";

export const BLOBS = "blobs";
export const SHA256 = "sha256";
export const LAYOUT_FILE = "oci-layout";
export const INDEX_FILE = "index.json";
export const LAYOUT_VERSION = "1.0.0";
export const LAYOUT_LIMIT = 65536;

const WHOLE = JSON.stringify({ imageLayoutVersion: LAYOUT_VERSION });
const status = new FileStatus();

/** Makes the missing parts of a layout, and can remove them again. */
export class LayoutMaker {
  readonly directory: Directory;
  readonly reserve = new Reserve();
  readonly #waiting: Waiting;
  /** Directories that were made, the outermost first: above the layout, and in it. */
  readonly #made: MadeDirectory[] = [];
  readonly #madeInside: MadeDirectory[] = [];
  #isNew = false;

  /** Makes the directory and its parents. */
  constructor(path: string, waiting: Waiting) {
    this.#waiting = waiting;
    try {
      this.directory = Directory.make(path, DIRECTORY_MODE, this.#made);
    } catch (error) {
      this.reserve.release();
      removeMade(this.#made);
      throw error;
    }
  }

  /** Safe to race with itself, and with takeBack(). */
  *make(): Steps<void> {
    const { directory } = this;
    // Written in place, because it is the lock. A part of it is not a layout yet, and the next make() goes on.
    const text = readRegular(directory, LAYOUT_FILE, LAYOUT_LIMIT)?.toString("utf8") ?? "";
    if (directory.status(INDEX_FILE, status) && !isBegun(text) && hasBlobs(directory)) return;
    using lock = yield* lockSteps(directory, LAYOUT_FILE, true, this.#waiting);
    const { descriptor } = lock;
    const begun = isBegun(readStart(descriptor));
    const lacksIndex = !directory.status(INDEX_FILE, status);
    this.#isNew = lacksIndex && begun;
    {
      using blobs = makeLinked(directory, BLOBS, this.#madeInside);
      makeLinked(blobs, SHA256, this.#madeInside).close();
    }
    if (lacksIndex) this.#makeIndex();
    if (!begun) return;
    ftruncateSync(descriptor);
    writeAll(descriptor, Buffer.from(WHOLE));
    fsync(descriptor);
    directory.sync();
  }

  /** Removes what was made, unless it is in use (`hasImages`, or another writer). Files that existed before stay. */
  takeBack(hasImages: () => boolean): void {
    const { directory } = this;
    try {
      if (this.#isNew) {
        this.#isNew = false;
        withLock(directory, LAYOUT_FILE, false, this.#waiting, () => {
          if (hasImages() || isStaged(directory) || !removeMade(this.#madeInside)) return;
          directory.removeFile(INDEX_FILE);
          directory.removeFile(LAYOUT_FILE);
        });
      }
      removeMade(this.#made);
    } catch (error) {
      // The error of the writer is reported; an empty layout that cannot be removed does no harm.
      if (!isSystemError(error) && !(error instanceof LayoutError)) throw error;
    }
  }

  close(): void {
    this.reserve.release();
    for (const { parent } of [...this.#made, ...this.#madeInside]) parent.close();
  }

  #makeIndex(): void {
    const staging = createStaging(this.directory);
    try {
      replaceDurably(this.directory, INDEX_FILE, staging.directory, ImageIndex.empty.bytes());
    } catch (error) {
      this.reserve.release();
      throw error;
    } finally {
      removeStaging(this.directory, staging);
    }
  }
}

/** Whether the text of oci-layout is a part of what we write. */
function isBegun(text: string): boolean {
  return text !== WHOLE && WHOLE.startsWith(text);
}

/** Room for more than we write, so that a longer file is noticed. */
function readStart(descriptor: number): string {
  const bytes = Buffer.alloc(WHOLE.length + 1);
  return bytes.toString("utf8", 0, readSync(descriptor, bytes, 0, bytes.length, 0));
}

function hasBlobs(directory: Directory): boolean {
  try {
    using blobs = linked(directory, BLOBS);
    linked(blobs, SHA256).close();
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}
