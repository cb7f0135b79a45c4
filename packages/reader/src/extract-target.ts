import { constants, fchmodSync } from "node:fs";
import { MAX_PERMISSIONS } from "@puzzlefs/format";
import {
  AT_REMOVEDIR,
  close,
  fchmodat,
  FileStatus,
  hasCode,
  makedev,
  mkdirat,
  mknodat,
  O_PATH,
  openat,
  unlinkat,
} from "@puzzlefs/linux";
import type { Directory } from "@puzzlefs/linux";
import type { Attributes } from "./tree.ts";
import type { Visit } from "./walk-tree.ts";

/** Makes and opens names in the target. Every call is relative to an opened directory and follows no symbolic link. */

const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY;
const pathFlags = O_PATH | constants.O_DIRECTORY;
const ownerBits = 0o700;
const searchBit = 0o100;
const slash = 0x2f;
const status = new FileStatus();

/** Whether a name cannot lead out of its directory. */
export function isComponent(name: Uint8Array): boolean {
  const isDots = name.length <= 2 && name.every((byte) => byte === 0x2e);
  return !isDots && !name.includes(slash);
}

/** Opens the target, in which the caller must be able to make names. */
export function openRoot(target: Directory): number {
  const root = openat(target.descriptor, ".", directoryFlags);
  try {
    permitWriting(root);
    target.checkWritable();
  } catch (error) {
    close(root);
    throw error;
  }
  return root;
}

export interface MadeDirectory {
  descriptor: number;
  /** The directory existed before. */
  existed: boolean;
}

/** Makes a directory and opens it. With `merge` an existing directory is opened, and another file of that name is removed. */
export function makeDirectory(parent: number, name: Uint8Array, merge: boolean): MadeDirectory {
  let existed = false;
  try {
    mkdirat(parent, name, ownerBits);
  } catch (error) {
    if (!hasCode(error, "EEXIST") || !merge) throw error;
    status.readAt(parent, name);
    existed = status.type === constants.S_IFDIR;
    if (!existed) {
      unlinkat(parent, name);
      mkdirat(parent, name, ownerBits);
    }
  }
  return { descriptor: openDirectory(parent, name), existed };
}

/** The umask, or the mode of an existing directory, may deny access even to its owner. */
function openDirectory(parent: number, name: Uint8Array): number {
  try {
    return openat(parent, name, directoryFlags);
  } catch (error) {
    if (!hasCode(error, "EACCES")) throw error;
    fchmodat(parent, name, ownerBits);
    return openat(parent, name, directoryFlags);
  }
}

/** Gives the owner of an existing directory permission to make names in it. */
export function permitWriting(descriptor: number): void {
  status.readDescriptor(descriptor);
  const mode = status.mode & MAX_PERMISSIONS;
  if ((mode & ownerBits) === ownerBits) return;
  try {
    fchmodSync(descriptor, mode | ownerBits);
  } catch (error) {
    // It belongs to another user: files that cannot be made in it are counted.
    if (!hasCode(error, "EPERM")) throw error;
  }
}

/** Makes a device, fifo or socket. */
export function makeNode(directory: number, name: Uint8Array, { kind, mode, major, minor }: Attributes): void {
  const device = kind === "chr" || kind === "blk" ? makedev(major, minor) : 0;
  mknodat(directory, name, (mode & constants.S_IFMT) | 0o600, device);
}

/** Makes a name that is not a directory. With `replace` a file or empty directory of that name is removed first. */
export function makeName<T>(parent: number, name: Uint8Array, replace: boolean, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!hasCode(error, "EEXIST") || !replace) throw error;
    try {
      unlinkat(parent, name);
    } catch (unlinkError) {
      if (!hasCode(unlinkError, "EISDIR")) throw unlinkError;
      unlinkat(parent, name, AT_REMOVEDIR);
    }
    return make();
  }
}

/** Removes a file that could not be written to its end: a file of the image must not have wrong content. */
export function removePartial(parent: number, name: Uint8Array): void {
  try {
    unlinkat(parent, name);
  } catch {
    // The error of the write is reported, with the path.
  }
}

/**
 * Calls with a directory that was made before, below an opened one by the names of `way`. Directories that have got
 * their attributes may keep even their owner out: then they are opened to the owner for that long.
 */
export function withDirectory(from: number, way: readonly Visit[], action: (descriptor: number) => void): void {
  let at = from;
  try {
    for (const { name } of way) {
      const next = openat(at, name, pathFlags);
      if (at !== from) close(at);
      at = next;
    }
    action(at);
    return;
  } catch (error) {
    if (!hasCode(error, "EACCES") || !way.some(isShut)) throw error;
  } finally {
    if (at !== from) close(at);
  }
  unlock(from, way, 0, action);
}

function unlock(from: number, way: readonly Visit[], level: number, action: (descriptor: number) => void): void {
  const next = way[level];
  if (next === undefined) {
    action(from);
    return;
  }
  const { name, attributes } = next;
  const mode = attributes.mode & MAX_PERMISSIONS;
  if (isShut(next)) fchmodat(from, name, mode | searchBit);
  try {
    const descriptor = openat(from, name, pathFlags);
    try {
      unlock(descriptor, way, level + 1, action);
    } finally {
      close(descriptor);
    }
  } finally {
    if (isShut(next)) fchmodat(from, name, mode);
  }
}

function isShut({ attributes }: Visit): boolean {
  return (attributes.mode & searchBit) === 0;
}
