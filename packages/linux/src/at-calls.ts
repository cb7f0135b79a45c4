import { constants } from "node:fs";
import { close } from "./descriptors.ts";
import { EAGAIN, ELOOP, ENOSYS, EPERM, EXDEV } from "./errno.ts";
import { bind, bindAside, check, SystemError } from "./library.ts";
import { AT_EACCESS, AT_FDCWD, AT_SYMLINK_NOFOLLOW, O_CLOEXEC, O_PATH } from "./open-flags.ts";
import { nulTerminated, printable, type Path } from "./paths.ts";

/**
 * System calls relative to an opened directory. With names of one component another user cannot redirect them by
 * a symlink: none of them (except openatFollowing) follows one at the end.
 */

export const RENAME_NOREPLACE = 1;
export const RENAME_EXCHANGE = 2;

/** resolve bits of openat2(2). */
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_NO_SYMLINKS = 0x04;
const RESOLVE_BENEATH = 0x08;
/** The same number on every architecture. */
const SYS_OPENAT2 = 437;
const MOST_TRIES = 1000;
/** PATH_MAX: also of what a symbolic link contains. */
const LONGEST_PATH = 4096;

const OPENAT = "int openat(int dirfd, const void *path, int flags, unsigned int mode)";

const native = {
  openat: bind(OPENAT),
  openatAside: bindAside(OPENAT),
  openat2: bind("int64_t syscall(int64_t number, int dirfd, const void *path, const void *how, size_t size)"),
  mkdirat: bind("int mkdirat(int dirfd, const void *path, unsigned int mode)"),
  mknodat: bind("int mknodat(int dirfd, const void *path, unsigned int mode, uint64_t device)"),
  symlinkat: bind("int symlinkat(const void *target, int dirfd, const void *path)"),
  linkat: bind("int linkat(int olddirfd, const void *oldpath, int newdirfd, const void *newpath, int flags)"),
  unlinkat: bind("int unlinkat(int dirfd, const void *path, int flags)"),
  renameat2: bind(
    "int renameat2(int olddirfd, const void *oldpath, int newdirfd, const void *newpath, unsigned int flags)",
  ),
  fchmodat: bind("int fchmodat(int dirfd, const void *path, unsigned int mode, int flags)"),
  readlinkat: bind("int64_t readlinkat(int dirfd, const void *path, void *target, size_t size)"),
  faccessat: bind("int faccessat(int dirfd, const void *path, int mode, int flags)"),
  fchownat: bind("int fchownat(int dirfd, const void *path, unsigned int uid, unsigned int gid, int flags)"),
};

/** Opens without following a symlink in the last component, close-on-exec. Returns a descriptor for close(). */
export function openat(directory: number, path: Path, flags: number, mode = 0): number {
  const all = flags | constants.O_NOFOLLOW | O_CLOEXEC;
  return check(native.openat(directory, nulTerminated(path), all, mode), "openat", () => printable(path));
}

/** openat() of an existing file in another thread. `done` gets the descriptor; undefined where it failed. */
export function openatAside(
  directory: number,
  path: Path,
  flags: number,
  done: (descriptor: number | undefined) => void,
): void {
  const all = flags | constants.O_NOFOLLOW | O_CLOEXEC;
  native.openatAside([directory, nulTerminated(path), all, 0], (result) => done(result < 0 ? undefined : result));
}

/** Opens as open(2) does, symlinks followed, but relative paths from `directory`. Returns a descriptor for close(). */
export function openatFollowing(directory: number, path: Path, flags: number): number {
  return check(native.openat(directory, nulTerminated(path), flags | O_CLOEXEC, 0), "openat", () => printable(path));
}

/**
 * Opens `path`, of any number of components, strictly beneath `directory`: no "..", no absolute path, no symlink
 * anywhere on the way. Where the kernel has no openat2 (before 5.6, or hidden by seccomp) the components are walked
 * one by one. Returns a descriptor for close(). Throws EXDEV or ELOOP (ENOTDIR in the walk) for a path that tries to leave.
 */
export function openBeneath(directory: number, path: Path, flags: number, mode = 0): number {
  const resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const result = openat2(directory, path, flags, mode, resolve);
  if (result === -ENOSYS || result === -EPERM) return walkBeneath(directory, path, flags, mode);
  return check(result, "openat2", () => printable(path));
}

/**
 * Opens `path` if no component of it is a symbolic link, which "..", mount points and absolute paths do not change.
 * Returns a descriptor for close(); undefined where there is a link, or where the kernel has no openat2.
 */
export function openWithoutLinks(directory: number, path: Path, flags: number, mode = 0): number | undefined {
  const result = openat2(directory, path, flags, mode, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
  if (result === -ELOOP || result === -ENOSYS || result === -EPERM) return undefined;
  return check(result, "open", () => printable(path));
}

/** Returns minus errno. EPERM where seccomp hides the call. */
function openat2(directory: number, path: Path, flags: number, mode: number, resolve: number): number {
  const create = (flags & constants.O_CREAT) !== 0;
  const how = new BigUint64Array([BigInt(flags | O_CLOEXEC), BigInt(create ? mode : 0), BigInt(resolve)]);
  const bytes = new Uint8Array(how.buffer);
  // A rename elsewhere may race with a lookup that is to stay beneath. EAGAIN of O_NONBLOCK, for a lease, comes again.
  for (let tries = (resolve & RESOLVE_BENEATH) === 0 ? 1 : MOST_TRIES; ; tries--) {
    const result = native.openat2(SYS_OPENAT2, directory, nulTerminated(path), bytes, bytes.length);
    if (result !== -EAGAIN || tries <= 1) return result;
  }
}

let linkText: Buffer | undefined;

/** The text of a symbolic link: of `name` in an opened directory, or of a link that was opened with O_PATH. */
export function readlinkat(directory: number, name: Path = ""): Buffer {
  linkText ??= Buffer.allocUnsafeSlow(LONGEST_PATH);
  const result = native.readlinkat(directory, nulTerminated(name), linkText, LONGEST_PATH);
  const length = check(result, "readlinkat", () => printable(name));
  return Buffer.from(linkText.subarray(0, length));
}

/** openBeneath() by hand. Exported for its test: modern kernels never come here. */
export function walkBeneath(directory: number, path: Path, flags: number, mode: number): number {
  const components = Buffer.from(nulTerminated(path)).toString("latin1").slice(0, -1).split("/");
  if (components.some((name) => name === "" || name === "..")) throw new SystemError(EXDEV, "openat", printable(path));
  let at = directory;
  try {
    for (const name of components.slice(0, -1)) {
      const next = openat(at, Buffer.from(name, "latin1"), O_PATH | constants.O_DIRECTORY);
      if (at !== directory) close(at);
      at = next;
    }
    return openat(at, Buffer.from(components.at(-1) ?? "", "latin1"), flags, mode);
  } finally {
    if (at !== directory) close(at);
  }
}

/** mkdirat(2); the umask applies. */
export function mkdirat(directory: number, path: Path, mode: number): void {
  check(native.mkdirat(directory, nulTerminated(path), mode), "mkdirat", () => printable(path));
}

/** Makes a device, fifo, socket or regular file: `mode` with S_IFMT type bits, `device` from makedev(). */
export function mknodat(directory: number, path: Path, mode: number, device = 0): void {
  check(native.mknodat(directory, nulTerminated(path), mode, device), "mknodat", () => printable(path));
}

/** Makes a symlink at `path` that contains `target`. */
export function symlinkat(target: Path, directory: number, path: Path): void {
  const result = native.symlinkat(nulTerminated(target), directory, nulTerminated(path));
  check(result, "symlinkat", () => printable(path));
}

/** Makes a hard link to a file; a symlink at `from` is itself linked, not followed. */
export function linkat(fromDirectory: number, from: Path, directory: number, path: Path): void {
  const result = native.linkat(fromDirectory, nulTerminated(from), directory, nulTerminated(path), 0);
  check(result, "linkat", () => printable(path));
}

/** Removes a name; with AT_REMOVEDIR an empty directory. */
export function unlinkat(directory: number, path: Path, flags = 0): void {
  check(native.unlinkat(directory, nulTerminated(path), flags), "unlinkat", () => printable(path));
}

/** Renames; `flags` RENAME_NOREPLACE or RENAME_EXCHANGE. EINVAL where the file system cannot. */
export function renameat2(fromDirectory: number, from: Path, directory: number, path: Path, flags = 0): void {
  const result = native.renameat2(fromDirectory, nulTerminated(from), directory, nulTerminated(path), flags);
  check(result, "renameat2", () => printable(path));
}

/** Sets permission bits without following a symlink (a symlink itself has none: ENOTSUP). */
export function fchmodat(directory: number, path: Path, mode: number): void {
  const result = native.fchmodat(directory, nulTerminated(path), mode, AT_SYMLINK_NOFOLLOW);
  check(result, "fchmodat", () => printable(path));
}

/** Throws unless this process, by its effective ids, may do what `mode` (W_OK, X_OK, …) names with a file. */
export function faccessat(directory: number, path: Path, mode: number): void {
  const result = native.faccessat(directory, nulTerminated(path), mode, AT_EACCESS | AT_SYMLINK_NOFOLLOW);
  check(result, "faccessat", () => printable(path));
}

/** Sets the owner without following a symlink. Ids are 32-bit; 4294967295 leaves one as it is. */
export function fchownat(directory: number, path: Path, uid: number, gid: number): void {
  const result = native.fchownat(directory, nulTerminated(path), uid, gid, AT_SYMLINK_NOFOLLOW);
  check(result, "fchownat", () => printable(path));
}

/** Sets the owner of a path without following a symlink at its end. */
export function lchown(path: Path, uid: number, gid: number): void {
  fchownat(AT_FDCWD, path, uid, gid);
}
