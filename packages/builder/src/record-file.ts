import { createHash, hash } from "node:crypto";
import { constants, readSync } from "node:fs";

import { close, FileStatus, hasCode, NotRegularError, type Directory } from "@puzzlefs/linux";
import { FILE_MODE, sha256, writeAll } from "@puzzlefs/oci";

const DIGEST_BYTES = 32;
/** Bytes of records that are kept at most. */
const LIMIT = 256 << 20;
const OTHERS_WRITE = 0o022;

/**
 * A file of a layout with what an earlier build found out. It is a cache: a file that is missing, damaged or not trusted has no
 * records, and is then written anew.
 *
 * Its bytes: a header, records of one length, and the sha256 of all that.
 */
export class RecordFile {
  readonly #directory: Directory;
  readonly #name: string;
  readonly #header: Buffer;
  readonly #recordBytes: number;

  /**
   * @param directory the layout's
   * @param prefix of the file's name
   * @param magic its first bytes
   * @param parameters on which the records depend: a file of other parameters is another one
   */
  constructor(directory: Directory, prefix: string, magic: Buffer, parameters: string, recordBytes: number) {
    const digest = sha256(Buffer.from(parameters));
    this.#directory = directory;
    // Of each user, because what another user wrote is not trusted.
    this.#name = `${prefix}${process.geteuid?.() ?? 0}-${digest.subarray(0, 4).toString("hex")}`;
    this.#header = Buffer.concat([magic, digest]);
    this.#recordBytes = recordBytes;
  }

  /** The records; undefined if the file is missing, damaged, or could have been written by another user. */
  load(): Buffer | undefined {
    if (!this.#isTrusted()) return undefined;
    const status = new FileStatus();
    let file: number | undefined;
    try {
      file = this.#directory.openFile(this.#name, constants.O_RDONLY, status);
      return file === undefined || !isOwn(status) ? undefined : this.#read(file, status.size);
    } catch (error) {
      if (error instanceof NotRegularError || hasCode(error, "EACCES", "EIO", "ELOOP")) return undefined;
      throw error;
    } finally {
      if (file !== undefined) close(file);
    }
  }

  /** Writes a new file into `staging`, which replaces the old one by a commit. Returns its name; undefined if it would be too large, or not trusted later. */
  stage(records: Uint8Array, staging: Directory): string | undefined {
    if (records.length > LIMIT || !this.#isTrusted()) return undefined;
    const file = staging.createFile(this.#name, FILE_MODE);
    try {
      writeAll(file, this.#header);
      writeAll(file, records);
      writeAll(file, createHash("sha256").update(this.#header).update(records).digest());
    } finally {
      close(file);
    }
    return this.#name;
  }

  /** Whether no other user can put a file there. */
  #isTrusted(): boolean {
    const status = new FileStatus();
    status.readDescriptor(this.#directory.descriptor);
    return isOwn(status);
  }

  #read(file: number, size: number): Buffer | undefined {
    const bytes = size - this.#header.length - DIGEST_BYTES;
    if (bytes < 0 || bytes % this.#recordBytes !== 0 || bytes > LIMIT) return undefined;
    const whole = Buffer.allocUnsafe(size);
    for (let at = 0; at < size;) {
      const count = readSync(file, whole, at, size - at, at);
      if (count === 0) return undefined;
      at += count;
    }
    const end = this.#header.length + bytes;
    if (!whole.subarray(0, this.#header.length).equals(this.#header)) return undefined;
    if (!whole.subarray(end).equals(hash("sha256", whole.subarray(0, end), "buffer"))) return undefined;
    return whole.subarray(this.#header.length, end);
  }
}

/** Only this user can have written it. */
function isOwn({ uid, mode }: FileStatus): boolean {
  return uid === process.geteuid?.() && (mode & OTHERS_WRITE) === 0;
}
