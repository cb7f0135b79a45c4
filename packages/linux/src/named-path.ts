/**
 * Paths from the command line. The caller may name any file, but another user may own a directory on the way and put a
 * symbolic link into it. The rule, here and for links inside a layout: a symbolic link is followed only if root, the
 * caller, or the owner of what it leads to made it, and that owner has permission to reach it too. It is the rule of the kernel's
 * fs.protected_symlinks, applied in every directory.
 */
import { constants, realpathSync } from "node:fs";
import { openat, openatFollowing, openWithoutLinks, readlinkat } from "./at-calls.ts";
import { close, isOnProc } from "./descriptors.ts";
import { hasCode } from "./errors.ts";
import { bytesOf, textOf } from "./encoding.ts";
import { FileStatus } from "./file-status.ts";
import { ELOOP, ENOENT } from "./errno.ts";
import { SystemError } from "./library.ts";
import { AT_FDCWD, O_PATH } from "./open-flags.ts";
import { descriptorPath, nulTerminated, printable, type Path } from "./paths.ts";

/** Symbolic links in one path, as in the kernel. */
const MOST_LINKS = 40;
const CHANGING = constants.O_WRONLY | constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC;
const DIRECTORY = O_PATH | constants.O_DIRECTORY;
const DOT = Buffer.from(".");
const SLASH = 0x2f;

/**
 * open(2) of a path, relative paths from `directory`, with symbolic links followed by the rule above. With flags that
 * write or create, a link in the last component must be root's or the caller's. Returns a descriptor for close().
 * Throws SystemError; ELOOP for a link that is not followed.
 */
export function openNamed(path: Path, flags: number, mode = 0, directory = AT_FDCWD): number {
  // Most paths have no links at all: one call.
  const direct = openWithoutLinks(directory, path, flags, mode);
  if (direct !== undefined) return direct;
  const walk = new Walk(path);
  try {
    walk.resolve(directory, Buffer.from(nulTerminated(path)).subarray(0, -1));
    return walk.open(flags, mode);
  } catch (error) {
    if (!(error instanceof SystemError) || error.path?.startsWith(printable(path)) === true) throw error;
    throw new SystemError(-error.errno, "open", printable(path));
  } finally {
    walk.close();
  }
}

/** Whether the name exists; also true if it cannot be reached, for which openNamed() throws the reason. */
export function isNamed(path: Path): boolean {
  try {
    close(openNamed(path, O_PATH));
    return true;
  } catch (error) {
    return !hasCode(error, "ENOENT", "ENOTDIR", "ENAMETOOLONG");
  }
}

/** The path of what is open as `descriptor`, from the kernel. Needs /proc. */
export function descriptorTarget(descriptor: number): string {
  return textOf(readlinkat(AT_FDCWD, descriptorPath(descriptor)));
}

/** realpath(3): only to compare paths as text. */
export function realPath(path: string): string {
  return textOf(realpathSync.native(bytesOf(path), "buffer"));
}

/** One resolution of a path: the directory reached, and a last component that is no symbolic link. */
class Walk {
  readonly #path: Path;
  #at = AT_FDCWD;
  #last: Uint8Array = DOT;
  /** The last component is a link of /proc: it does not lead to what its text names, so the kernel follows it. */
  #onProc = false;
  #links = 0;
  /** Owners of other users' links since the last directory: what they lead to must be theirs. */
  #owners: number[] = [];
  /** Owners of the links whose text is being walked: the directories on the way must let them pass. */
  readonly #passing: number[] = [];
  readonly #status = new FileStatus();

  constructor(path: Path) {
    this.#path = path;
  }

  /** Walks from `start`, or from the root for an absolute path. */
  resolve(start: number, path: Buffer): void {
    if (path.length === 0) throw new SystemError(ENOENT, "open", printable(this.#path));
    const next = openat(path[0] === SLASH ? AT_FDCWD : start, path[0] === SLASH ? "/" : ".", DIRECTORY);
    this.close();
    this.#at = next;
    const names = componentsOf(path);
    this.#last = names.pop() ?? DOT;
    const last = this.#last;
    for (const name of names) this.#enter(name);
    this.#resolveLast(last);
  }

  open(flags: number, mode: number): number {
    if (this.#owners.length > 0 && (flags & CHANGING) !== 0) throw this.#refusal();
    const descriptor = this.#onProc
      ? openatFollowing(this.#at, this.#last, flags)
      : openat(this.#at, this.#last, flags, mode);
    try {
      this.#checkOwners(descriptor);
      return descriptor;
    } catch (error) {
      close(descriptor);
      throw error;
    }
  }

  close(): void {
    if (this.#at !== AT_FDCWD) close(this.#at);
    this.#at = AT_FDCWD;
  }

  #enter(name: Uint8Array): void {
    this.#resolveLast(name);
    const next = this.open(DIRECTORY, 0);
    this.close();
    this.#at = next;
    this.#owners = [];
  }

  /** Makes `name` the last component; if it is a link, what it leads to. */
  #resolveLast(name: Uint8Array): void {
    this.#last = name;
    this.#onProc = false;
    const link = this.#openLink(name);
    if (link === undefined) return;
    let target: Buffer;
    try {
      this.#onProc = isOnProc(link);
      if (this.#onProc) {
        // The owner of the link may have no permission to reach its target.
        if (this.#owners.length > 0 || this.#passing.length > 0) throw this.#refusal();
        return;
      }
      const { uid } = this.#status;
      if (uid !== 0 && uid !== process.geteuid?.()) this.#owners.push(uid);
      target = readlinkat(link);
    } finally {
      close(link);
    }
    if (++this.#links > MOST_LINKS) throw this.#refusal("too many symbolic links");
    const owners = this.#owners;
    this.#owners = [];
    this.#passing.push(...owners);
    this.resolve(this.#at, target);
    this.#passing.length -= owners.length;
    this.#owners.unshift(...owners);
  }

  /** The symbolic link of that name, opened, with its status read; undefined where there is none. */
  #openLink(name: Uint8Array): number | undefined {
    if (!this.#status.readIfPresent(this.#at, name) || this.#status.type !== constants.S_IFLNK) return undefined;
    const link = openat(this.#at, name, O_PATH);
    this.#status.readDescriptor(link);
    if (this.#status.type === constants.S_IFLNK) return link;
    close(link);
    return undefined;
  }

  #checkOwners(descriptor: number): void {
    if (this.#owners.length === 0 && this.#passing.length === 0) return;
    this.#status.readDescriptor(descriptor);
    const { uid, mode } = this.#status;
    if (this.#owners.some((owner) => owner !== uid)) throw this.#refusal();
    const closed = (mode & constants.S_IXOTH) === 0;
    if (closed && this.#passing.some((owner) => owner !== uid)) throw this.#refusal();
  }

  #refusal(why = "a symbolic link of another user's is not followed"): SystemError {
    const path = printable(this.#path);
    const error = new SystemError(ELOOP, "open", path);
    error.message = `cannot open ${path}: ${why}`;
    return error;
  }
}

/** The names in a path. A slash at its end asks for the directory itself. */
function componentsOf(path: Buffer): Buffer[] {
  const names = path
    .toString("latin1")
    .split("/")
    .map((name) => Buffer.from(name, "latin1"));
  if (names.at(-1)?.length === 0) names.push(DOT);
  return names.filter((name) => name.length > 0);
}
