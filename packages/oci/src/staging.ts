import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, rmdirSync, rmSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { flock, hasCode, LOCK_EX, LOCK_NB } from "@puzzlefs/linux";

/**
 * Staging directories: where a writer's blobs lie until they are complete. They are inside the layout, so that a
 * rename moves blobs to their place, and at its top: skopeo and the Rust tool look at no other name there, umoci
 * lists all of blobs/ and sweeps only `.umoci-*`. The directory is for its owner alone (mode 0700).
 *
 * The owner holds a flock on the file `owner` inside; who gets that lock knows that the owner is dead.
 */
const PREFIX = ".puzzlefs-tmp-";
const OWNER = "owner";

/** A staging directory of this process. */
export interface Staging {
  path: string;
  /** Holds the owner's lock. */
  descriptor: number;
}

/** Makes a staging directory. The caller holds the layout's lock: a sweep must not come before our own lock. */
export function createStaging(layout: string): Staging {
  const path = mkdtempSync(join(layout, PREFIX));
  const descriptor = openSync(join(path, OWNER), "wx", 0o600);
  flock(descriptor, LOCK_EX);
  return { path, descriptor };
}

/** Takes over the staging directories of dead writers. The caller holds the layout's lock. */
export function findDead(layout: string): Staging[] {
  const dead: Staging[] = [];
  for (const name of readdirSync(layout)) {
    if (!name.startsWith(PREFIX)) continue;
    const path = join(layout, name);
    try {
      // "a" makes the file where the owner died before it could: it made the directory under the lock that we hold.
      const descriptor = openSync(join(path, OWNER), "a", 0o600);
      if (flock(descriptor, LOCK_EX | LOCK_NB)) dead.push({ path, descriptor });
      else closeSync(descriptor);
    } catch (error) {
      // Another user's, or just being removed: not ours to sweep.
      if (!hasCode(error, "EACCES", "EPERM", "ENOENT", "ENOTDIR")) throw error;
    }
  }
  return dead;
}

/** Removes a staging directory and its lock, the lock last, so that a removal cut short is taken up again. */
export function removeStaging({ path, descriptor }: Staging): void {
  try {
    if (!existsSync(path)) return;
    for (const name of readdirSync(path))
      if (name !== OWNER) rmSync(join(path, name), { recursive: true, force: true });
    try {
      unlinkSync(join(path, OWNER));
      rmdirSync(path);
    } catch (error) {
      // Without its lock it looked dead to a writer that was just beginning, who removes it as well.
      if (!hasCode(error, "ENOENT", "ENOTEMPTY")) throw error;
    }
  } finally {
    closeSync(descriptor);
  }
}
