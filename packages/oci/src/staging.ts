import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import {
  close,
  type Directory,
  FileStatus,
  flock,
  hasCode,
  isSystemError,
  LOCK_EX,
  LOCK_NB,
  NotRegularError,
} from "@puzzlefs/linux";
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
const INHERITED = /^inherited-[0-9a-f-]{36}-/;
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

/** Takes over the staging directories of dead writers of this user. The caller holds the layout's lock. Empty ones are removed, unless `look`. */
export function findDead(layout: Directory, look = false): Staging[] {
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
    if (!look) removeEmpty(layout, name);
    directory.close();
  }
  return dead;
}

/** Writers that live: the names of their staging directories. */
export interface LiveWriters {
  own: string[];
  /** Of other users, also dead ones where this user cannot look inside. */
  others: string[];
}

/** The caller holds the layout's lock: no writer begins meanwhile. */
export function liveWriters(layout: Directory): LiveWriters {
  const live: LiveWriters = { own: [], others: [] };
  for (const name of layout.names()) {
    if (!name.startsWith(PREFIX)) continue;
    const directory = openAny(layout, name);
    if (directory === undefined) continue;
    using _ = directory;
    status.readDescriptor(directory.descriptor);
    const writers = status.uid === process.geteuid?.() ? live.own : live.others;
    try {
      const lock = takeOver(directory);
      if (lock !== undefined) close(lock);
      else if (directory.status(OWNER, status)) writers.push(name);
    } catch (error) {
      if (!hasCode(error, "EACCES")) throw error;
      writers.push(name);
    }
  }
  return live;
}

/**
 * Moves the files that `isWanted` of a dead writer into the directory of a live one. Returns their new names, which `isWanted` gets without their beginning
 * if that writer dies, too.
 */
export function inherit(from: Directory, to: Directory, isWanted: (name: string) => boolean): string[] {
  return from.names().flatMap((name) => {
    const original = originalName(name);
    if (name === OWNER || !isWanted(original)) return [];
    const moved = `inherited-${randomUUID()}-${original}`;
    from.rename(name, to, moved);
    return [moved];
  });
}

/** What a file of a staging directory was named by the writer that made it. */
export function originalName(name: string): string {
  return name.replace(INHERITED, "");
}

/** The bytes in a staging directory. */
export function stagedBytes({ directory }: Pick<Staging, "directory">): number {
  return directory.names().reduce((sum, name) => sum + (directory.fileSize(name) ?? 0), 0);
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

/** Undefined for a link, a file, or a directory that is just being removed. */
function openAny(layout: Directory, name: string): Directory | undefined {
  try {
    return layout.directory(name);
  } catch (error) {
    if (hasCode(error, "ENOTDIR", "ELOOP", "ENOENT", "EACCES")) return undefined;
    throw error;
  }
}

/** Opens a directory that only this user can have filled; undefined for everything else. */
export function openOwn(layout: Directory, name: string): Directory | undefined {
  const directory = openAny(layout, name);
  if (directory === undefined) return undefined;
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

export function removeEmpty(layout: Directory, name: string): void {
  try {
    layout.removeDirectory(name);
  } catch (error) {
    // Another writer removed it as well, it is not empty, or another user replaced it.
    if (!hasCode(error, "ENOENT", "ENOTEMPTY", "EEXIST", "ENOTDIR")) throw error;
  }
}

/** Moves a file out of a staging directory, over one of that name; false where that cannot be done. */
export function isMoved(staging: Directory, name: string, to: Directory): boolean {
  try {
    staging.rename(name, to, name);
    return true;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return false;
  }
}
