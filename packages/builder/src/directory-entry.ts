import { kindOfMode, MAX_PERMISSIONS, U53_END } from "@puzzlefs/format";
import { lgetxattrAt, llistxattrAt, printable, readlinkat } from "@puzzlefs/linux";
import type { InodeKind } from "@puzzlefs/reader";

import { BuildError, readFailure } from "./errors.ts";
import { readFile, type FoundFile } from "./read-file.ts";
import type { ContentSink, SourceEntry, SourceXattr, StoredContent } from "./source.ts";

const none: readonly never[] = [];

/** The content of a file by its fingerprint and size, bytes; undefined if it is not known. */
export type KnownContent = (fingerprint: string, size: number) => StoredContent | undefined;

/** A name in an open directory. Its attributes are in a FileStatus that all entries of a walk share. */
export class DirectoryEntry implements SourceEntry {
  readonly directory: SourceEntry | undefined;
  readonly name: string;
  readonly kind: InodeKind;
  readonly size: number;
  readonly #file: FoundFile;

  readonly #known: KnownContent | undefined;

  /**
   * @param size of the content, where it is not in the file
   * @param known files that need not be read
   */
  constructor(directory: SourceEntry | undefined, name: string, file: FoundFile, size?: number, known?: KnownContent) {
    const { mode } = file.status;
    const kind = kindOfMode(mode);
    if (kind === undefined) {
      throw new BuildError(printable(Buffer.from(file.path, "latin1")), `unknown file type, mode ${mode.toString(8)}`);
    }
    this.size = size ?? (kind === "file" ? file.status.size : 0);
    if (this.size >= U53_END) throw tooLarge(file.path);
    this.directory = directory;
    this.name = name;
    this.kind = kind;
    this.#file = file;
    this.#known = known;
  }

  get path(): string {
    return this.#file.path;
  }
  get uid(): number {
    return this.#file.status.uid;
  }
  get gid(): number {
    return this.#file.status.gid;
  }
  get permissions(): number {
    return this.#file.status.mode & MAX_PERMISSIONS;
  }
  get major(): number {
    return this.#isDevice ? this.#file.status.major : 0;
  }
  get minor(): number {
    return this.#isDevice ? this.#file.status.minor : 0;
  }
  get mtimeSeconds(): number {
    return this.#file.status.mtimeSeconds;
  }
  get mtimeNanoseconds(): number {
    return this.#file.status.mtimeNanoseconds;
  }
  get link(): string | undefined {
    return this.kind !== "dir" && this.#file.status.nlink > 1 ? this.#file.status.identity : undefined;
  }

  readlink(): Buffer {
    const { directory, name, path } = this.#file;
    return attempt(path, () => readlinkat(directory, name));
  }

  xattrs(accepts: (name: Buffer) => boolean): readonly SourceXattr[] {
    const { directory, name, path } = this.#file;
    try {
      const names = llistxattrAt(directory, name);
      if (names.length === 0) return none;
      return names.filter(accepts).flatMap((key) => {
        const val = lgetxattrAt(directory, name, key);
        // Removed since it was listed.
        return val === undefined ? [] : [{ key, val }];
      });
    } catch (error) {
      throw readFailure(path, "read the extended attributes", error);
    }
  }

  /** FileStatus' own. */
  get fingerprint(): string {
    return this.#file.status.fingerprint;
  }
  get changedSeconds(): number {
    return this.#file.status.changedSeconds;
  }

  get stored(): StoredContent | undefined {
    if (this.#known === undefined || this.size === 0) return undefined;
    return this.#known(this.fingerprint, this.size);
  }

  content(sink: ContentSink): Iterable<void> | undefined {
    return readFile(sink, this.#file);
  }

  get #isDevice(): boolean {
    return this.kind === "chr" || this.kind === "blk";
  }
}

/** The attributes recorded for a mount point whose own cannot be read. */
export function placeholder(directory: SourceEntry, name: string, path: string): SourceEntry {
  return {
    directory,
    name,
    path,
    kind: "dir",
    uid: 0,
    gid: 0,
    permissions: 0o755,
    major: 0,
    minor: 0,
    mtimeSeconds: 0,
    mtimeNanoseconds: 0,
    size: 0,
    link: undefined,
    readlink: () => Buffer.alloc(0),
    xattrs: () => none,
    content: () => undefined,
  };
}

function tooLarge(path: string): BuildError {
  return new BuildError(
    printable(Buffer.from(path, "latin1")),
    "a file of 2^53 bytes or more; an image holds up to 2^53 - 1",
  );
}

/** Runs a system call on `path` (latin1); what it throws becomes a BuildError. */
export function attempt<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw readFailure(path, "read", error);
  }
}
