import { randomBytes } from "node:crypto";
import { constants, writeSync } from "node:fs";
import { basename, dirname } from "node:path";
import { close, Directory, FileStatus, fsync, openNamed, SystemError } from "@puzzlefs/linux";

/** Names of files that are not complete begin so. */
export const TEMPORARY_PREFIX = ".puzzlefs-tmp-";

/**
 * Writes a file that the caller named: `produce` gets a function that appends. A regular file is replaced when it is complete and on the
 * disk; until then it has its old content, and if `produce` throws, it keeps it. A pipe or a device is written to. Throws SystemError.
 */
export function writeFileWhole<T>(path: string, produce: (append: (piece: Uint8Array) => void) => T): T {
  using directory = Directory.open(dirname(path));
  const name = basename(path);
  const status = new FileStatus();
  if (!directory.status(name, status) || status.type === constants.S_IFREG) return replace(directory, name, produce);
  const descriptor = openNamed(path, constants.O_WRONLY | constants.O_NOCTTY);
  try {
    status.readDescriptor(descriptor);
    if (status.type === constants.S_IFREG) throw new Error(`${path}: a symbolic link to a file: name that file`);
    return produce(appendTo(descriptor, path));
  } finally {
    close(descriptor);
  }
}

/** Replaces a file, which is complete and on the disk when it gets its name. Throws SystemError. */
export function replaceFile(directory: Directory, name: string, bytes: Uint8Array): void {
  replace(directory, name, (append) => append(bytes));
}

function replace<T>(directory: Directory, name: string, produce: (append: (piece: Uint8Array) => void) => T): T {
  const temporary = `${TEMPORARY_PREFIX}${randomBytes(9).toString("base64url")}`;
  const descriptor = directory.createFile(temporary, 0o666);
  let done = false;
  try {
    const result = produce(appendTo(descriptor, directory.pathOf(name)));
    fsync(descriptor);
    directory.rename(temporary, directory, name);
    done = true;
    directory.sync();
    return result;
  } finally {
    close(descriptor);
    if (!done) directory.removeFile(temporary);
  }
}

function appendTo(descriptor: number, path: string): (piece: Uint8Array) => void {
  return (piece) => {
    try {
      for (let done = 0; done < piece.length;) done += writeSync(descriptor, piece, done);
    } catch (error) {
      const { errno } = error as NodeJS.ErrnoException;
      throw errno === undefined ? error : new SystemError(-errno, "write", path);
    }
  };
}
