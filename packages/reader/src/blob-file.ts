import { createHash } from "node:crypto";
import { constants, readSync } from "node:fs";
import { close, FileStatus, reasonOf } from "@puzzlefs/linux";
import { type BlobDirectory, LayoutError } from "@puzzlefs/oci";
import { IntegrityError } from "./errors.ts";

const hashBufferSize = 1 << 18;
let hashBuffer: Buffer | undefined;
const status = new FileStatus();

/** A blob of the store, opened: stored bytes by position. Nothing here knows what they mean. */
export class BlobFile {
  /** `blob sha256:…`, for messages. */
  readonly name: string;
  /** Stored bytes. */
  readonly size: number;
  readonly descriptor: number;

  /**
   * @param opened its descriptor, which then belongs to this object, where somebody has opened it before
   * @throws {IntegrityError} missing or unreadable; EMFILE and ENFILE are passed on as they are
   */
  constructor(store: BlobDirectory, digest: string, name: string, opened?: number) {
    this.name = name;
    try {
      this.descriptor = opened ?? store.open(digest, status);
      if (opened !== undefined) lookAt(name, opened);
    } catch (error) {
      throw explained(name, error);
    }
    this.size = status.size;
  }

  /** Fills `into` from `position`. @throws {IntegrityError} short or unreadable */
  read(into: Uint8Array, position: number): void {
    for (let done = 0; done < into.length;) {
      let count: number;
      try {
        count = readSync(this.descriptor, into, done, into.length - done, position + done);
      } catch (error) {
        throw explained(this.name, error);
      }
      if (count === 0) throw new IntegrityError(this.name, "short", `at byte ${position + done}`);
      done += count;
    }
  }

  /** sha256 of the stored bytes from `start` up to `end`, whatever their number, through a small buffer. */
  hash(start: number, end: number): Buffer {
    hashBuffer ??= Buffer.allocUnsafeSlow(hashBufferSize);
    const hash = createHash("sha256");
    for (let at = start; at < end; at += hashBuffer.length) {
      const piece = hashBuffer.subarray(0, Math.min(hashBuffer.length, end - at));
      this.read(piece, at);
      hash.update(piece);
    }
    return hash.digest();
  }

  close(): void {
    close(this.descriptor);
  }
}

/** Reads the status of a blob that was opened without a look at it; closes it unless it is a regular file. */
function lookAt(name: string, descriptor: number): void {
  try {
    status.readDescriptor(descriptor);
    if (status.type !== constants.S_IFREG) throw new IntegrityError(name, "unreadable", "not a regular file");
  } catch (error) {
    close(descriptor);
    throw error;
  }
}

/** A failed system call as what it means for the blob. */
function explained(name: string, error: unknown): unknown {
  if (error instanceof IntegrityError) return error;
  if (error instanceof LayoutError) return new IntegrityError(name, "unreadable", "not a regular file", error);
  const { code } = error as NodeJS.ErrnoException;
  if (code === "EMFILE" || code === "ENFILE") return error;
  if (code === "ENOENT") return new IntegrityError(name, "missing", "", error);
  return new IntegrityError(name, "unreadable", reasonOf(error), error);
}
