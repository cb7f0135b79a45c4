import { closeSync, constants, fstatSync, openSync, statSync } from "node:fs";
import { FILE_MODE } from "./files.ts";
import { flock, hasCode, LOCK_EX } from "@puzzlefs/linux";

/**
 * Runs `action` while this process alone holds the lock on a layout: flock(2) on its `oci-layout`, the one file that
 * no tool replaces (index.json is renamed over by every commit). The kernel drops the lock when the process dies.
 * Waits, and the thread with it. With `create` the file is made, empty, where there is none.
 */
export function withLock<T>(file: string, create: boolean, action: () => T): T {
  for (;;) {
    const descriptor = openLockable(file, create);
    try {
      flock(descriptor, LOCK_EX);
      // Someone may have replaced the file while we waited; then our lock excludes nobody.
      const [held, named] = [fstatSync(descriptor), statSync(file, { throwIfNoEntry: false })];
      if (named === undefined && !create) throw new Error(`${file} vanished while waiting for its lock`);
      if (held.ino === named?.ino && held.dev === named.dev) return action();
    } finally {
      closeSync(descriptor);
    }
  }
}

function openLockable(file: string, create: boolean): number {
  const flags = create ? constants.O_CREAT : 0;
  try {
    // For writing, because NFS turns flock into a write lock on the server.
    return openSync(file, constants.O_RDWR | flags, FILE_MODE);
  } catch (error) {
    if (create || !hasCode(error, "EACCES", "EROFS")) throw error;
    return openSync(file, constants.O_RDONLY);
  }
}
