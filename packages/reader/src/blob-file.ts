import { basename } from "node:path";
import { reasonOf } from "@puzzlefs/linux";
import { type BlobStore, LayoutError, type StoredBlob } from "@puzzlefs/oci";
import { IntegrityError } from "./errors.ts";

/** An open blob of a store: its stored bytes by position, and errors that name it. It does not depend on the meaning of the bytes. */
export class BlobFile {
  /** `blob sha256:…`, for messages. */
  readonly name: string;
  /** Stored bytes. */
  readonly size: number;
  readonly stored: StoredBlob;

  /**
   * @param opened the blob if it is open already; then it belongs to this object
   * @throws {IntegrityError} missing or unreadable; EMFILE and ENFILE pass through
   */
  constructor(store: BlobStore, digest: string, name: string, opened?: StoredBlob) {
    this.name = name;
    try {
      this.stored = opened ?? store.open(digest);
      this.size = sizeOf(this.stored);
    } catch (error) {
      throw explained(name, error);
    }
  }

  /** Fills `into` from `position`. @throws {IntegrityError} short or unreadable */
  read(into: Uint8Array, position: number): void {
    for (let done = 0; done < into.length;) {
      let count: number;
      try {
        count = this.stored.read(into, done, position + done);
      } catch (error) {
        throw explained(this.name, error);
      }
      if (count === 0) throw new IntegrityError(this.name, "short", `at byte ${position + done}`);
      done += count;
    }
  }

  close(): void {
    this.stored.close();
  }
}

/** Closes the blob if it turns out that it is not a regular file. */
function sizeOf(blob: StoredBlob): number {
  try {
    return blob.size;
  } catch (error) {
    blob.close();
    throw error;
  }
}

/** An error of the store as an error of the blob. */
function explained(name: string, error: unknown): unknown {
  if (error instanceof IntegrityError) return error;
  if (error instanceof LayoutError) {
    // Of a chunk in a pack: the pack.
    const object = basename(error.path);
    const detail = name.endsWith(object) ? "" : `pack sha256:${object}`;
    if (error.kind === "missing") return new IntegrityError(name, "missing", detail, error);
    const problem = error.message.slice(error.path.length + 2);
    return new IntegrityError(name, "unreadable", detail === "" ? problem : `${detail}: ${problem}`, error);
  }
  const { code } = error as NodeJS.ErrnoException;
  if (code === "EMFILE" || code === "ENFILE") return error;
  return new IntegrityError(name, "unreadable", reasonOf(error), error);
}
