import { constants } from "node:fs";
import { randomBytes } from "node:crypto";
import { faccessat, mkdirat, openat, renameat2, unlinkat } from "./at-calls.ts";
import { close, fsync, listDirectory, type Entry } from "./descriptors.ts";
import { hasCode } from "./errors.ts";
import { FileStatus } from "./file-status.ts";
import { SystemError } from "./library.ts";
import { openNamed } from "./named-path.ts";
import { textOf } from "./encoding.ts";
import { AT_REMOVEDIR, O_PATH } from "./open-flags.ts";
import { nulTerminated, printable, type Path } from "./paths.ts";

export type { Entry };

const DIRECTORY = O_PATH | constants.O_DIRECTORY;
const status = new FileStatus();

/**
 * A directory, opened once. Its entries are reached through its descriptor, by names of one component, and no symbolic
 * link is followed: another user with write permission there can replace entries, but cannot make a call reach a file
 * outside. All methods throw SystemError with the path.
 */
export class Directory {
  /** O_PATH: it needs no permission to list. */
  readonly descriptor: number;
  /** For messages. */
  readonly path: string;
  #open = true;

  /** Takes ownership of `descriptor`. */
  constructor(descriptor: number, path: string) {
    this.descriptor = descriptor;
    this.path = path;
  }

  /** Opens a directory that the caller named: see openNamed() for the links on the way. */
  static open(path: Path): Directory {
    return new Directory(openNamed(path, DIRECTORY), printable(path));
  }

  /** Opens a directory, making it and its missing parents (mkdir -p). `made` gets those that it made, the outermost first. */
  static make(path: Path, mode = 0o755, made?: MadeDirectory[]): Directory {
    const missing: Buffer[] = [];
    let directory = nearest(Buffer.from(nulTerminated(path)).subarray(0, -1), missing);
    for (let name = missing.pop(); name !== undefined; name = missing.pop()) {
      using parent = directory;
      directory = parent.makeOrOpen(name, mode, made);
    }
    return directory;
  }

  /** Opens a subdirectory. */
  directory(name: Path): Directory {
    return new Directory(
      this.#at(name, () => openat(this.descriptor, name, DIRECTORY)),
      this.pathOf(name),
    );
  }

  /** Opens a subdirectory that may be a symbolic link; see openNamed() for which links are followed. */
  linkedDirectory(name: Path): Directory {
    const descriptor = this.#at(name, () => openNamed(name, DIRECTORY, 0, this.descriptor));
    return new Directory(descriptor, this.pathOf(name));
  }

  /** Makes a subdirectory and opens it; one that cannot be opened does not stay. Throws EEXIST. */
  makeDirectory(name: Path, mode = 0o755): Directory {
    this.#at(name, () => mkdirat(this.descriptor, name, mode));
    try {
      return this.directory(name);
    } catch (error) {
      this.removeDirectory(name);
      throw error;
    }
  }

  /** Makes a subdirectory of mode 0700 whose name begins with `prefix` and ends at random. */
  makeTemporary(prefix: string): { name: string; directory: Directory } {
    const name = prefix + randomBytes(9).toString("base64url");
    return { name, directory: this.makeDirectory(name, 0o700) };
  }

  /**
   * Opens a regular file; undefined where there is none of that name. Its type is looked at before, because opening a
   * device may have an effect, and after. `into` gets the status of the opened file. Returns a descriptor for close().
   */
  openFile(name: Path, flags = constants.O_RDONLY, into = status): number | undefined {
    return this.#at(name, () => {
      if (!into.readIfPresent(this.descriptor, name)) return undefined;
      if (into.type !== constants.S_IFREG) throw new NotRegularError(this.pathOf(name));
      const descriptor = openat(this.descriptor, name, flags | constants.O_NONBLOCK | constants.O_NOCTTY);
      into.readDescriptor(descriptor);
      if (into.type === constants.S_IFREG) return descriptor;
      close(descriptor);
      throw new NotRegularError(this.pathOf(name));
    });
  }

  /** Makes a new file, open for reading and writing. Throws EEXIST. Returns a descriptor for close(). */
  createFile(name: Path, mode = 0o644): number {
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL;
    return this.#at(name, () => openat(this.descriptor, name, flags, mode));
  }

  /** Reads the status of an entry, a symbolic link's own; false where there is none. */
  status(name: Path, into: FileStatus): boolean {
    return this.#at(name, () => into.readIfPresent(this.descriptor, name));
  }

  /** Size of a regular file, bytes; undefined where there is none of that name, or it is something else. */
  fileSize(name: Path): number | undefined {
    return this.status(name, status) && status.type === constants.S_IFREG ? status.size : undefined;
  }

  /** Its entries but "." and "..", in the order of the file system. */
  entries(): Entry[] {
    return this.opened((descriptor) => this.#at("", () => listDirectory(descriptor)));
  }

  /** Names of its entries, as textOf() has them. */
  names(): string[] {
    return this.entries().map(({ name }) => textOf(name));
  }

  /** Renames an entry, over what has the new name, which errors name. */
  rename(name: Path, to: Directory, newName: Path): void {
    to.#at(newName, () => renameat2(this.descriptor, name, to.descriptor, newName));
  }

  /** Removes a file or link; false where there is none of that name. */
  removeFile(name: Path): boolean {
    return this.#at(name, () => {
      try {
        unlinkat(this.descriptor, name);
        return true;
      } catch (error) {
        if (hasCode(error, "ENOENT")) return false;
        throw error;
      }
    });
  }

  /** Removes an empty subdirectory. */
  removeDirectory(name: Path): void {
    this.#at(name, () => unlinkat(this.descriptor, name, AT_REMOVEDIR));
  }

  /** Throws EACCES, EPERM or EROFS unless this process may make and remove names in it. */
  checkWritable(): void {
    this.#at("", () => faccessat(this.descriptor, ".", constants.W_OK | constants.X_OK));
  }

  /**
   * Runs `use` with a descriptor of this directory that is not O_PATH, for calls that need one. It is closed afterwards.
   */
  opened<T>(use: (descriptor: number) => T): T {
    const descriptor = this.#at("", () => openat(this.descriptor, ".", constants.O_RDONLY | constants.O_DIRECTORY));
    try {
      return use(descriptor);
    } finally {
      close(descriptor);
    }
  }

  /** Makes the names in it durable, where the file system can do that. */
  sync(): void {
    this.opened((descriptor) =>
      this.#at("", () => {
        try {
          fsync(descriptor);
        } catch (error) {
          if (!hasCode(error, "EINVAL")) throw error;
        }
      }),
    );
  }

  close(): void {
    if (this.#open) close(this.descriptor);
    this.#open = false;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  pathOf(name: Path): string {
    return name.length === 0 ? this.path : `${this.path}/${printable(name)}`;
  }

  /** Opens a subdirectory, making it where it is missing; `made` gets it then. */
  makeOrOpen(name: Path, mode: number, made?: MadeDirectory[]): Directory {
    const parent = made === undefined ? undefined : this.#again();
    try {
      const directory = this.makeDirectory(name, mode);
      if (parent !== undefined) made?.push({ parent, name });
      return directory;
    } catch (error) {
      parent?.close();
      // Made by another process meanwhile; or a name such as "..".
      if (!hasCode(error, "EEXIST")) throw error;
      return this.directory(name);
    }
  }

  #again(): Directory {
    return new Directory(openat(this.descriptor, ".", DIRECTORY), this.path);
  }

  /** Runs a call about the entry `name`; its error gets the whole path. */
  #at<T>(name: Path, call: () => T): T {
    try {
      return call();
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      throw new SystemError(-error.errno, error.syscall, this.pathOf(name));
    }
  }
}

/** A directory that a call has made, by its name in its parent, which the receiver closes. */
export interface MadeDirectory {
  parent: Directory;
  name: Path;
}

/** Opens the nearest directory on the way to `path` that exists; `missing` gets the names after it, the last first. */
function nearest(path: Buffer, missing: Buffer[]): Directory {
  for (let at = path.toString("latin1"); ;) {
    try {
      return Directory.open(Buffer.from(at, "latin1"));
    } catch (error) {
      const [, parent = "", name = ""] = /^(.*?)\/*([^/]+)\/*$/s.exec(at) ?? [];
      if (!hasCode(error, "ENOENT") || name === "" || at === ".") throw error;
      missing.push(Buffer.from(name, "latin1"));
      at = parent === "" ? (at.startsWith("/") ? "/" : ".") : parent;
    }
  }
}

/** Something else has the name of a file. */
export class NotRegularError extends Error {
  override readonly name = "NotRegularError";
  readonly path: string;

  constructor(path: string) {
    super(`${path}: not a regular file`);
    this.path = path;
  }
}
