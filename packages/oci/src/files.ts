import { constants, readSync, writeSync } from "node:fs";
import { close, type Directory, FileStatus, fsync, isSystemError, NotRegularError } from "@puzzlefs/linux";
import { LayoutError, type LayoutFailure } from "./errors.ts";

/** Permissions of files and directories of a layout, from which the umask takes bits: a group can share a layout. */
export const FILE_MODE = 0o666;
export const DIRECTORY_MODE = 0o777;

const status = new FileStatus();

/** Opens a regular file of a layout; undefined where there is none of that name. Returns a descriptor for close(). */
export function openRegular(
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

/** A whole regular file of at most `limit` bytes, or undefined when there is none. Throws LayoutError (`excess`) when it is larger. */
export function readRegular(
  directory: Directory,
  name: string,
  limit: number,
  excess: LayoutFailure = "corrupt",
): Buffer | undefined {
  const descriptor = openRegular(directory, name);
  if (descriptor === undefined) return undefined;
  const { size } = status;
  try {
    if (size > limit) throw new LayoutError(excess, directory.pathOf(name), `${size} bytes, more than ${limit}`);
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

const COMPARED_BYTES = 1 << 16;
let compared: Buffer | undefined;

/** Whether a file has exactly this content. False where there is no regular file of that name, or it cannot be read. */
export function isSame(directory: Directory, name: string, content: Uint8Array): boolean {
  let descriptor: number | undefined;
  try {
    descriptor = openRegular(directory, name);
    if (descriptor === undefined || status.size !== content.length) return false;
    compared ??= Buffer.allocUnsafeSlow(COMPARED_BYTES);
    for (let at = 0; at < content.length;) {
      const count = readSync(descriptor, compared, 0, compared.length, at);
      if (count === 0 || compared.compare(content, at, at + count, 0, count) !== 0) return false;
      at += count;
    }
    return true;
  } catch (error) {
    if (isSystemError(error) || error instanceof LayoutError) return false;
    throw error;
  } finally {
    if (descriptor !== undefined) close(descriptor);
  }
}

/** Writes all of `bytes` at the position of an open file. */
export function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done);
}

/** Makes a file of these bytes, which must not exist. */
export function writeNew(directory: Directory, name: string, bytes: Uint8Array): void {
  const descriptor = directory.createFile(name, FILE_MODE);
  try {
    writeAll(descriptor, bytes);
  } finally {
    close(descriptor);
  }
}

/**
 * Replaces a file atomically and durably: at any moment, also after a power cut, it has the whole old or the whole new
 * content. The new file is made in `staging`, a staging directory, which is removed after its owner has died.
 */
export function replaceDurably(directory: Directory, name: string, staging: Directory, bytes: Uint8Array): void {
  const descriptor = staging.createFile(name, FILE_MODE);
  try {
    writeAll(descriptor, bytes);
    fsync(descriptor);
  } finally {
    close(descriptor);
  }
  staging.rename(name, directory, name);
  directory.sync();
}

/** Other tools write their files in place: one that is not whole is read again, so often and after so many milliseconds. */
const READINGS = 5;
const READ_AGAIN = 25;
const pause = new Int32Array(new SharedArrayBuffer(4));

/** Reads a file that another tool may be writing. Throws what `read` throws the last time. */
export function readWhole<T>(read: () => T): T {
  for (let left = READINGS; ; left--) {
    try {
      return read();
    } catch (error) {
      if (left === 1 || !(error instanceof LayoutError) || error.kind !== "corrupt") throw error;
      Atomics.wait(pause, 0, 0, READ_AGAIN);
    }
  }
}
