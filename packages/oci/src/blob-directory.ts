import { constants, readSync } from "node:fs";
import { close, type Directory, FileStatus, openatAside } from "@puzzlefs/linux";
import type { BlobStore, StoredBlob } from "./blob-store.ts";
import { isHexDigest, sha256Hex } from "./digests.ts";
import { LayoutError } from "./errors.ts";
import { FileBlob } from "./file-blob.ts";
import { isSame, openRegular, readRegular } from "./files.ts";
import { holdFile } from "./file-use.ts";

const status = new FileStatus();

/**
 * The blobs of a layout: a directory opened once, so that later changes of its path have no effect. Another user may own
 * it, so a blob must be a regular file: symbolic links are not followed, devices and fifos are not opened.
 *
 * All methods throw TypeError unless `digest` is 64 lower-case hex digits, and SystemError with the path.
 */
export class BlobDirectory implements BlobStore {
  /** For processes and threads that share it, and for mount options of the kernel driver. */
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

  open(digest: string): StoredBlob {
    const descriptor = openRegular(this.directory, nameOf(digest), status);
    if (descriptor === undefined) throw this.#missing(digest);
    return new FileBlob(descriptor, this.directory, digest, status.size);
  }

  /** Opens it in another thread. Its status is not read, because that could make the caller wait. */
  openAhead(digest: string, use: (blob: StoredBlob | undefined) => void): void {
    const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
    openatAside(this.directory.descriptor, nameOf(digest), flags, (descriptor) =>
      use(descriptor === undefined ? undefined : new FileBlob(descriptor, this.directory, digest)),
    );
  }

  read(digest: string, limit: number): Buffer {
    const bytes = readRegular(this.directory, nameOf(digest), limit);
    if (bytes === undefined) throw this.#missing(digest);
    const found = sha256Hex(bytes);
    if (found !== digest) throw new LayoutError("corrupt", this.pathOf(digest), `its content has sha256 ${found}`);
    return bytes;
  }

  /** The first bytes of a blob, not verified. Throws LayoutError (missing, corrupt). */
  head(digest: string, bytes: number): Buffer {
    const descriptor = openRegular(this.directory, nameOf(digest), status);
    if (descriptor === undefined) throw this.#missing(digest);
    try {
      const head = Buffer.alloc(bytes);
      return head.subarray(0, readSync(descriptor, head, 0, bytes, 0));
    } finally {
      close(descriptor);
    }
  }

  has(digest: string): boolean {
    return this.size(digest) !== undefined;
  }

  /** Undefined also for what is not a regular file. */
  size(digest: string): number | undefined {
    return this.directory.fileSize(nameOf(digest));
  }

  /** Whether a blob has exactly this content. False where it cannot be read. */
  holds(digest: string, content: Uint8Array): boolean {
    return isSame(this.directory, nameOf(digest), content);
  }

  list(): string[] {
    return this.directory.names().filter(isHexDigest);
  }

  remove(digest: string): boolean {
    return this.directory.removeFile(nameOf(digest));
  }

  hold(manifest: string): Disposable {
    const held = holdFile(this.directory, nameOf(manifest));
    if (held === undefined) throw this.#missing(manifest);
    return held;
  }

  close(): void {
    this.directory.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #missing(digest: string): LayoutError {
    return new LayoutError("missing", this.pathOf(digest), "no such blob");
  }
}

function nameOf(digest: string): string {
  if (!isHexDigest(digest)) throw new TypeError(`not a sha256 in hex: ${JSON.stringify(digest)}`);
  return digest;
}
