import { existsSync } from "node:fs";
import { hasCode, MissingProcError } from "./errors.ts";
import { ENODATA, ENOSYS, EOPNOTSUPP, EPERM } from "./errno.ts";
import { bind, check } from "./library.ts";
import { AT_SYMLINK_NOFOLLOW } from "./open-flags.ts";
import { descriptorPath, nulTerminated, printable, type Path } from "./paths.ts";

/** XATTR_LIST_MAX and XATTR_SIZE_MAX of Linux: with this much room one call always suffices. */
const LIMIT = 65536;

const list = bind("int64_t llistxattr(const void *path, void *list, size_t size)");
const get = bind("int64_t lgetxattr(const void *path, const void *name, void *value, size_t size)");
const set = bind("int lsetxattr(const void *path, const void *name, const void *value, size_t size, int flags)");
const remove = bind("int lremovexattr(const void *path, const void *name)");

const listAt = bind(
  "int64_t syscall(int64_t number, int dirfd, const void *path, unsigned int flags, void *list, size_t size)",
);
const getOpen = bind("int64_t fgetxattr(int fd, const void *name, void *value, size_t size)");
const setOpen = bind("int fsetxattr(int fd, const void *name, const void *value, size_t size, int flags)");
const removeOpen = bind("int fremovexattr(int fd, const void *name)");
const listOpen = bind("int64_t flistxattr(int fd, void *list, size_t size)");
/** Since Linux 6.13; the same number on every architecture. */
const SYS_LISTXATTRAT = 465;
let hasListAt = true;

let scratch: Buffer | undefined;
const none: readonly Buffer[] = Object.freeze([]);

/**
 * Names of the extended attributes of a file, not following a symlink, in the order of the file system. Empty where
 * the file system has no xattrs. About 2 µs a call.
 */
export function llistxattr(path: Path): readonly Buffer[] {
  scratch ??= Buffer.allocUnsafeSlow(LIMIT);
  return namesIn(list(nulTerminated(path), scratch, LIMIT), path);
}

/**
 * The same of a name in an opened directory. Before Linux 6.13 it needs /proc: throws MissingProcError without it.
 */
export function llistxattrAt(directory: number, name: Uint8Array): readonly Buffer[] {
  scratch ??= Buffer.allocUnsafeSlow(LIMIT);
  if (hasListAt) {
    const result = listAt(SYS_LISTXATTRAT, directory, nulTerminated(name), AT_SYMLINK_NOFOLLOW, scratch, LIMIT);
    // EPERM where seccomp hides the call.
    hasListAt = result !== -ENOSYS && result !== -EPERM;
    if (hasListAt) return namesIn(result, name);
  }
  return byProc(directory, name, llistxattr);
}

/** The same of a file that is open, not by O_PATH. */
export function flistxattr(descriptor: number): readonly Buffer[] {
  scratch ??= Buffer.allocUnsafeSlow(LIMIT);
  return namesIn(listOpen(descriptor, scratch, LIMIT), "");
}

/** Splits the names that a call has written into `scratch`, or throws the SystemError that its result encodes. */
function namesIn(length: number, path: Path): readonly Buffer[] {
  if (length === 0 || length === -EOPNOTSUPP) return none;
  check(length, "llistxattr", () => printable(path));
  const bytes = (scratch as Buffer).subarray(0, length);
  const names: Buffer[] = [];
  for (let start = 0; start < length;) {
    const end = bytes.indexOf(0, start);
    names.push(Buffer.from(bytes.subarray(start, end)));
    start = end + 1;
  }
  return names;
}

/** The value of an extended attribute, or undefined when the file has none of that name. */
export function lgetxattr(path: Path, name: Path): Buffer | undefined {
  scratch ??= Buffer.allocUnsafeSlow(LIMIT);
  const length = get(nulTerminated(path), nulTerminated(name), scratch, LIMIT);
  if (length === -ENODATA) return undefined;
  check(length, "lgetxattr", () => printable(path));
  return Buffer.from(scratch.subarray(0, length));
}

/** The same of a file that is open, not by O_PATH. */
export function fgetxattr(descriptor: number, name: Path): Buffer | undefined {
  scratch ??= Buffer.allocUnsafeSlow(LIMIT);
  const length = getOpen(descriptor, nulTerminated(name), scratch, LIMIT);
  if (length === -ENODATA) return undefined;
  check(length, "fgetxattr");
  return Buffer.from(scratch.subarray(0, length));
}

/** The same of a name in an opened directory. Throws MissingProcError where /proc is missing. */
export function lgetxattrAt(directory: number, name: Uint8Array, attribute: Path): Buffer | undefined {
  return byProc(directory, name, (path) => lgetxattr(path, attribute));
}

/** Creates or replaces an extended attribute, not following a symlink. */
export function lsetxattr(path: Path, name: Path, value: Uint8Array): void {
  const result = set(nulTerminated(path), nulTerminated(name), value, value.length, 0);
  check(result, "lsetxattr", () => printable(path));
}

/** The same of a name in an opened directory. Throws MissingProcError where /proc is missing. */
export function lsetxattrAt(directory: number, name: Uint8Array, attribute: Path, value: Uint8Array): void {
  byProc(directory, name, (path) => lsetxattr(path, attribute, value));
}

/** The same of a file that is open, not by O_PATH. */
export function fsetxattr(descriptor: number, name: Path, value: Uint8Array): void {
  check(setOpen(descriptor, nulTerminated(name), value, value.length, 0), "fsetxattr");
}

/** Removes an extended attribute; throws ENODATA when there is none of that name. */
export function lremovexattr(path: Path, name: Path): void {
  check(remove(nulTerminated(path), nulTerminated(name)), "lremovexattr", () => printable(path));
}

/** The same of a file that is open, not by O_PATH. */
export function fremovexattr(descriptor: number, name: Path): void {
  check(removeOpen(descriptor, nulTerminated(name)), "fremovexattr");
}

/** Calls with a path to `name` in an opened directory. */
function byProc<T>(directory: number, name: Uint8Array, call: (path: Buffer) => T): T {
  try {
    return call(descriptorPath(directory, name));
  } catch (error) {
    if (!hasCode(error, "ENOENT", "ENOTDIR") || existsSync(descriptorPath(directory))) throw error;
    // The kernel has no way to a file's extended attributes but by a path, and the paths of descriptors are in /proc.
    throw new MissingProcError("extended attributes cannot be reached without it");
  }
}
