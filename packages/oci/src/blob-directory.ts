import { constants, readSync } from "node:fs";
import { close, type Directory, ENOENT, FileStatus, openatAside, SystemError } from "@puzzlefs/linux";
import { isHexDigest, sha256Hex } from "./digests.ts";
import { LayoutError } from "./errors.ts";
import { isSame, openRegular, readRegular } from "./files.ts";

const status = new FileStatus();

/**
 * The blobs of a layout: a directory opened once, whatever its path leads to later. Another user may own it, so a blob
 * is a regular file under its name or it is refused: no symbolic link is followed, no device or fifo opened.
 *
 * All methods throw TypeError unless `digest` is 64 lower-case hex digits, and SystemError with the path.
 */
export class BlobDirectory {
  readonly directory: Directory;

  /** Takes ownership of `directory`. */
  constructor(directory: Directory) {
    this.directory = directory;
  }

  /** For messages. */
  get path(): string {
    return this.directory.path;
  }

  /** Path of a blob, for messages. */
  pathOf(digest: string): string {
    return this.directory.pathOf(nameOf(digest));
  }

  /**
   * Opens a blob for reading; `into` gets its status. Returns a descriptor for close(). Throws ENOENT, or LayoutError
   * (corrupt) for what is not a regular file.
   */
  open(digest: string, into = status): number {
    const descriptor = openRegular(this.directory, nameOf(digest), into);
    if (descriptor === undefined) throw new SystemError(ENOENT, "openat", this.pathOf(digest));
    return descriptor;
  }

  /**
   * Opens a blob in another thread; `use` gets undefined where that fails, for any reason. What was opened may be
   * something other than a regular file, because to look at it before would make the caller wait.
   */
  openAside(digest: string, use: (descriptor: number | undefined) => void): void {
    const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
    openatAside(this.directory.descriptor, nameOf(digest), flags, use);
  }

  /** A whole blob of at most `limit` bytes, verified against its digest. Throws LayoutError (missing, corrupt). */
  read(digest: string, limit: number): Buffer {
    const bytes = readRegular(this.directory, nameOf(digest), limit);
    if (bytes === undefined) throw new LayoutError("missing", this.pathOf(digest), "no such blob");
    const found = sha256Hex(bytes);
    if (found !== digest) throw new LayoutError("corrupt", this.pathOf(digest), `its content has sha256 ${found}`);
    return bytes;
  }

  /** The first bytes of a blob, not verified. Throws LayoutError (missing, corrupt). */
  head(digest: string, bytes: number): Buffer {
    const descriptor = openRegular(this.directory, nameOf(digest), status);
    if (descriptor === undefined) throw new LayoutError("missing", this.pathOf(digest), "no such blob");
    try {
      const head = Buffer.alloc(bytes);
      return head.subarray(0, readSync(descriptor, head, 0, bytes, 0));
    } finally {
      close(descriptor);
    }
  }

  /** Size of a blob, bytes; undefined where there is none, or something that is not a regular file. */
  size(digest: string): number | undefined {
    return this.directory.fileSize(nameOf(digest));
  }

  /** Whether a blob has exactly this content. False where it cannot be read. */
  holds(digest: string, content: Uint8Array): boolean {
    return isSame(this.directory, nameOf(digest), content);
  }

  /** All names of blobs, in the order of the file system. */
  digests(): string[] {
    return this.directory.names().filter(isHexDigest);
  }

  close(): void {
    this.directory.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function nameOf(digest: string): string {
  if (!isHexDigest(digest)) throw new TypeError(`not a sha256 in hex: ${JSON.stringify(digest)}`);
  return digest;
}
