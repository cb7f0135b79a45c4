import { constants } from "node:fs";
import { close, type Directory, FileStatus, flock, hasCode, LOCK_EX, LOCK_NB, NotRegularError } from "@puzzlefs/linux";
import { LayoutError } from "./errors.ts";

/**
 * Staging directories: where a writer's blobs are until they are complete. They are inside the layout, so that a
 * rename moves blobs to their place, and at its top: skopeo and the Rust tool look at no other name there, umoci
 * lists all of blobs/ and sweeps only `.umoci-*`. The directory is for its owner alone (mode 0700), and flat.
 *
 * The owner holds a flock on the file `owner` inside; a process that gets that lock knows that the owner is dead.
 *
 * Another user may own the layout, and replace anything in it. So a staging directory is used through its descriptor
 * only, and swept only if it is a real directory of this user and of that mode: another user can move it, but not
 * redirect it.
 */
const PREFIX = ".puzzlefs-tmp-";
const OWNER = "owner";
const status = new FileStatus();

/** A staging directory of this process. */
export interface Staging {
  name: string;
  directory: Directory;
  /** Descriptor of `owner`, which holds the lock. */
  lock: number;
}

/** Makes a staging directory. The caller holds the layout's lock: a sweep must not come before our own lock. */
export function createStaging(layout: Directory): Staging {
  const { name, directory } = layout.makeTemporary(PREFIX);
  let made = false;
  try {
    // It may have been replaced by another directory between mkdir and open.
    if (directory.entries().length > 0) throw new LayoutError("refused", directory.path, "replaced by another user");
    const lock = directory.createFile(OWNER, 0o600);
    flock(lock, LOCK_EX);
    made = true;
    return { name, directory, lock };
  } finally {
    if (!made) {
      directory.close();
      removeEmpty(layout, name);
    }
  }
}

/** Takes over the staging directories of dead writers of this user. The caller holds the layout's lock. */
export function findDead(layout: Directory): Staging[] {
  const dead: Staging[] = [];
  for (const name of layout.names()) {
    if (!name.startsWith(PREFIX)) continue;
    const directory = openOwn(layout, name);
    if (directory === undefined) continue;
    const lock = takeOver(directory);
    if (lock !== undefined) {
      dead.push({ name, directory, lock });
      continue;
    }
    // An empty one belongs to no writer: a live writer has made `owner` in it, under the lock that we hold.
    removeEmpty(layout, name);
    directory.close();
  }
  return dead;
}

/** Whether a writer, other than that of the staging directory `own`, has a staging directory there, or has left one. */
export function isStaged(layout: Directory, own?: string): boolean {
  return layout.names().some((name) => name.startsWith(PREFIX) && name !== own);
}

/** Removes a staging directory and its lock, the lock last, so that a removal cut short is taken up again. */
export function removeStaging(layout: Directory, { name, directory, lock }: Staging): void {
  try {
    for (const { name: file, type } of directory.entries())
      if (type !== constants.S_IFDIR >> 12 && file.toString("latin1") !== OWNER) directory.removeFile(file);
    directory.removeFile(OWNER);
    removeEmpty(layout, name);
  } finally {
    close(lock);
    directory.close();
  }
}

/** Opens a directory that only this user can have filled; undefined for everything else. */
function openOwn(layout: Directory, name: string): Directory | undefined {
  let directory: Directory;
  try {
    directory = layout.directory(name);
  } catch (error) {
    // A link, a file, or just being removed.
    if (hasCode(error, "ENOTDIR", "ELOOP", "ENOENT", "EACCES")) return undefined;
    throw error;
  }
  status.readDescriptor(directory.descriptor);
  if (status.uid === process.geteuid?.() && (status.mode & 0o777) === 0o700) return directory;
  directory.close();
  return undefined;
}

/** The lock of a dead writer; undefined where the writer lives or there is no `owner` of ours. */
function takeOver(directory: Directory): number | undefined {
  let lock: number | undefined;
  try {
    lock = directory.openFile(OWNER, constants.O_RDWR, status);
  } catch (error) {
    if (error instanceof NotRegularError) return undefined;
    throw error;
  }
  if (lock === undefined) return undefined;
  if (status.size === 0 && flock(lock, LOCK_EX | LOCK_NB)) return lock;
  close(lock);
  return undefined;
}

function removeEmpty(layout: Directory, name: string): void {
  try {
    layout.removeDirectory(name);
  } catch (error) {
    // Another writer removed it as well, it is not empty, or another user replaced it.
    if (!hasCode(error, "ENOENT", "ENOTEMPTY", "EEXIST", "ENOTDIR")) throw error;
  }
}
