import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { close, type Directory, FileStatus, hasCode, NotRegularError } from "@puzzlefs/linux";
import { LayoutError } from "./errors.ts";

/** Permissions of what becomes part of a layout; the umask may take more away. */
export const FILE_MODE = 0o644;
export const DIRECTORY_MODE = 0o755;

const status = new FileStatus();

/** Opens a regular file of a layout; undefined where there is none of that name. Returns a descriptor for close(). */
export function openRegularIn(
  directory: Directory,
  name: string,
  into = status,
  flags = constants.O_RDONLY,
): number | undefined {
  try {
    return directory.openFile(name, flags, into);
  } catch (error) {
    if (!(error instanceof NotRegularError)) throw error;
    throw new LayoutError("corrupt", error.path, "not a regular file", error);
  }
}

/** A whole regular file of at most `limit` bytes, or undefined when there is none. Throws LayoutError when it is larger. */
export function readRegularIn(directory: Directory, name: string, limit: number): Buffer | undefined {
  const descriptor = openRegularIn(directory, name);
  if (descriptor === undefined) return undefined;
  const { size } = status;
  try {
    if (size > limit) throw new LayoutError("corrupt", directory.pathOf(name), `${size} bytes, more than ${limit}`);
    const bytes = Buffer.allocUnsafe(size);
    let length = 0;
    while (length < bytes.length) {
      const count = readSync(descriptor, bytes, length, bytes.length - length, length);
      if (count === 0)
        throw new LayoutError("corrupt", directory.pathOf(name), `shrank from ${size} to ${length} bytes`);
      length += count;
    }
    return bytes;
  } finally {
    close(descriptor);
  }
}

/**
 * Opens a regular file for reading. A layout can be anybody's: a fifo must not block and a device must not be read.
 * Returns undefined when there is no such file.
 */
export function openRegular(path: string): { descriptor: number; size: number } | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
  const opened = fstatSync(descriptor);
  if (opened.isFile()) return { descriptor, size: opened.size };
  closeSync(descriptor);
  throw new LayoutError("corrupt", path, "not a regular file");
}

/** A whole file of at most `limit` bytes, or undefined when there is none. Throws LayoutError when it is larger. */
export function readLimited(path: string, limit: number): Buffer | undefined {
  const file = openRegular(path);
  if (file === undefined) return undefined;
  try {
    if (file.size > limit) throw new LayoutError("corrupt", path, `${file.size} bytes, more than ${limit}`);
    const bytes = Buffer.allocUnsafe(file.size);
    let length = 0;
    while (length < bytes.length) {
      const count = readSync(file.descriptor, bytes, length, bytes.length - length, length);
      if (count === 0) throw new LayoutError("corrupt", path, `shrank from ${file.size} to ${length} bytes`);
      length += count;
    }
    return bytes;
  } finally {
    closeSync(file.descriptor);
  }
}

/** Writes all of `bytes` to a new file, or over an old one. */
export function writeAll(path: string, bytes: Uint8Array, flags: "w" | "wx", sync: boolean): void {
  const descriptor = openSync(path, flags, FILE_MODE);
  try {
    for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done);
    if (sync) fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Replaces a file so that at any moment, power cuts included, its name stands for the whole old or the whole new
 * content. The caller holds the layout's lock: the temporary has a fixed name, and a dead one is written over.
 */
export function replaceDurably(directory: string, name: string, temporary: string, bytes: Uint8Array): void {
  writeAll(join(directory, temporary), bytes, "w", true);
  renameSync(join(directory, temporary), join(directory, name));
  syncDirectory(directory);
}

/** Makes the names in a directory durable, where the file system has a notion of that. */
export function syncDirectory(path: string): void {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(descriptor);
  } catch (error) {
    if (!hasCode(error, "EINVAL")) throw error;
  } finally {
    closeSync(descriptor);
  }
}

/** mkdir -p. Node's own never returns below /proc, where nothing can be made. */
export function makeDirectories(path: string, mode = DIRECTORY_MODE): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return;
  if (dirname(path) !== path) makeDirectories(dirname(path), mode);
  try {
    mkdirSync(path, mode);
  } catch (error) {
    if (!hasCode(error, "EEXIST") || !statSync(path).isDirectory()) throw error;
  }
}
