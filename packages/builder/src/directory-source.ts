import {
  bytesOf,
  Descent,
  Directory,
  FileStatus,
  hasCode,
  isLeftOut,
  listDirectory,
  printable,
  SystemError,
  type Crossing,
  type Level,
} from "@puzzlefs/linux";

import { attempt, DirectoryEntry, placeholder, type KnownContent } from "./directory-entry.ts";
import { BuildError, changed, readFailure, rootFailure } from "./errors.ts";
import type { Omissions } from "./omissions.ts";
import type { FoundFile } from "./read-file.ts";
import type { Source, SourceEntry } from "./source.ts";
import type { StoredChunks } from "./stored-chunks.ts";

/** A directory that was delivered but not read yet. */
interface Waiting {
  entry: SourceEntry;
  level: Level;
}

export interface DirectoryOptions {
  /** Which directories of other file systems are entered. */
  crossing: Crossing;
  /** Identities of directories that are written meanwhile: they must not be in the tree. */
  written: ReadonlySet<string>;
  /** Files that need not be read, and the chunks that they have. */
  known?: KnownContent;
  stored?: StoredChunks | undefined;
}

/**
 * A directory tree. A directory on another file system that is left out becomes an empty directory with the attributes that
 * stat(2) returns for it.
 *
 * Other processes may change the tree meanwhile: then reading fails or returns the old or the new state, but never leaves
 * the tree. Each directory is opened by its name in its parent, and everything in it is reached through its descriptor.
 */
export class DirectorySource implements Source {
  readonly name: string;
  readonly stored?: StoredChunks;
  readonly #options: DirectoryOptions;

  constructor(rootfs: string, options: DirectoryOptions) {
    this.name = rootfs;
    if (options.stored !== undefined) this.stored = options.stored;
    this.#options = options;
  }

  entries(omissions: Omissions): Generator<SourceEntry> {
    return new Walk(this.name, this.#options, omissions).run();
  }
}

/** Opens what the user named, with links as openNamed() follows them. */
function openRoot(rootfs: string): Directory {
  try {
    return Directory.open(rootfs);
  } catch (error) {
    if (hasCode(error, "ENOTDIR")) throw new BuildError(rootfs, "not a directory", error);
    if (hasCode(error, "ELOOP") && error instanceof SystemError) {
      throw new BuildError(rootfs, `cannot open: ${error.message}`, error);
    }
    throw rootFailure(rootfs, error);
  }
}

class Walk {
  readonly #options: DirectoryOptions;
  readonly #omissions: Omissions;
  readonly #path: string;
  readonly #rootfs: string;
  readonly #status = new FileStatus();

  constructor(rootfs: string, options: DirectoryOptions, omissions: Omissions) {
    this.#options = options;
    this.#omissions = omissions;
    this.#rootfs = rootfs;
    this.#path = latin1(rootfs);
  }

  /** One generator for the whole walk: each `yield*` on the way would cost every entry a call. */
  *run(): Generator<SourceEntry> {
    using root = openRoot(this.#rootfs);
    using descent = attempt(
      this.#path,
      () => new Descent(root.descriptor, (level, cause) => walkFailure(this.#path, level, cause)),
    );
    const rootEntry = this.#rootEntry(descent);
    yield rootEntry;

    // A stack, not recursion: the tree decides how deep it is.
    const stack: Waiting[] = [{ entry: rootEntry, level: descent.root }];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const { entry: parent, level } = next;
      const { path } = parent;
      const directory = descent.enter(level);
      const subdirectories: Waiting[] = [];
      for (const name of sortedNames(directory, path)) {
        const file = { directory, name: terminated(name), path: `${path}/${name}`, status: this.#status };
        if (!this.#find(file, level)) {
          this.#omissions.add(...mountPoint, file.path);
          yield placeholder(parent, name, file.path);
          continue;
        }
        const entry = new DirectoryEntry(parent, name, file, undefined, this.#options.known);
        yield entry;
        if (entry.kind !== "dir" || this.#leavesOut(file, level)) continue;
        if (this.#options.written.has(this.#status.identity)) throw layoutInside(file.path);
        subdirectories.push({ entry, level: descent.level(level, file.name, this.#status) });
      }
      stack.push(...subdirectories.reverse());
    }
  }

  #rootEntry(descent: Descent): SourceEntry {
    const [path, name] = [this.#path, Buffer.from(".\0")];
    const file = { directory: descent.enter(descent.root), name, path, status: this.#status };
    this.#status.readDescriptor(file.directory);
    return new DirectoryEntry(undefined, "", file);
  }

  /** Reads the status of an entry; false for a mount point that is left out and whose file system does not answer. */
  #find({ directory, name, path }: FoundFile, { device }: Level): boolean {
    const status = this.#status;
    try {
      status.readAt(directory, name);
      return true;
    } catch (error) {
      const isMount = status.readMountAt(directory, name) && status.isMountRoot === true;
      if (isMount && isLeftOut(this.#options.crossing, status, device)) return false;
      throw readFailure(path, "read", error);
    }
  }

  /** Whether a directory remains empty in the image, because it is on another file system than its parent. */
  #leavesOut({ path, status }: FoundFile, parent: Level): boolean {
    if (!isLeftOut(this.#options.crossing, status, parent.device)) return false;
    const [what, why] = status.isMountRoot === false ? subvolume : mountPoint;
    this.#omissions.add(what, why, path);
    return true;
  }
}

/** The directory at a level below `root` (latin1) cannot be entered. */
export function walkFailure(root: string, level: Level, cause: unknown): BuildError {
  let below = "";
  for (let at = level; at.parent !== undefined; at = at.parent) {
    below = `/${Buffer.from(at.name).toString("latin1", 0, at.name.length - 1)}${below}`;
  }
  return cause === undefined ? changed(root + below) : readFailure(root + below, "read", cause);
}

const mountPoint = ["mount point", "another file system is mounted there (--cross-mounts includes it)"] as const;
const subvolume = ["subvolume", "--one-file-system leaves it out"] as const;

function layoutInside(path: string): BuildError {
  const what = "it is the image layout that is being written, inside the tree to build from; put it elsewhere";
  return new BuildError(printable(Buffer.from(path, "latin1")), what);
}

function latin1(path: string): string {
  return bytesOf(path).toString("latin1");
}

/** The names in a directory, latin1, in byte order. */
export function sortedNames(directory: number, path: string): string[] {
  const names = attempt(path, () => listDirectory(directory)).map((entry) => entry.name.toString("latin1"));
  return names.sort(compareBytes);
}

/** A latin1 name as the system takes it. */
export function terminated(name: string): Buffer {
  const bytes = Buffer.allocUnsafe(name.length + 1);
  bytes.write(name, "latin1");
  bytes[name.length] = 0;
  return bytes;
}

function compareBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
