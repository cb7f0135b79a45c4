import { createHash } from "node:crypto";
import { closeSync, fstatSync, readSync } from "node:fs";
import type { Layout } from "@puzzlefs/oci";
import { IntegrityError } from "./errors.ts";

const hashBufferSize = 1 << 18;
let hashBuffer: Buffer | undefined;

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
  constructor(layout: Layout, digest: string, name: string, opened?: number) {
    this.name = name;
    try {
      this.descriptor = opened ?? layout.openBlob(digest);
    } catch (error) {
      throw explained(name, error);
    }
    try {
      const stat = fstatSync(this.descriptor);
      if (!stat.isFile()) throw new IntegrityError(name, "unreadable", "not a regular file");
      this.size = stat.size;
    } catch (error) {
      closeSync(this.descriptor);
      throw explained(name, error);
    }
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
    closeSync(this.descriptor);
  }
}

/** A failed system call as what it means for the blob. */
function explained(name: string, error: unknown): unknown {
  if (error instanceof IntegrityError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === "EMFILE" || code === "ENFILE") return error;
  if (code === "ENOENT") return new IntegrityError(name, "missing", "", error);
  return new IntegrityError(name, "unreadable", code ?? String(error), error);
}
