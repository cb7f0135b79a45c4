import { constants } from "node:fs";
import { close, type Directory, FileStatus, flock, hasCode, LOCK_EX } from "@puzzlefs/linux";
import { LayoutError } from "./errors.ts";
import { FILE_MODE, openRegular } from "./files.ts";

const held = new FileStatus();
const named = new FileStatus();

/**
 * Runs `action` while this process alone holds the lock on a layout: flock(2) on its `oci-layout`, the one file that
 * no tool replaces (index.json is renamed over by every commit). The kernel drops the lock when the process dies.
 * Waits, and the thread with it. With `create` the file is made, empty, where there is none. `action` gets the
 * descriptor, which with `create` can be written.
 */
export function withLock<T>(directory: Directory, name: string, create: boolean, action: (descriptor: number) => T): T {
  for (;;) {
    const descriptor = openLockable(directory, name, create);
    if (descriptor === undefined) continue;
    try {
      flock(descriptor, LOCK_EX);
      // Another process may have replaced the file while we waited; then our lock excludes nobody.
      held.readDescriptor(descriptor);
      const present = directory.status(name, named);
      if (!present && !create) throw new LayoutError("absent", directory.pathOf(name), "it vanished");
      if (present && held.identity === named.identity) return action(descriptor);
    } finally {
      close(descriptor);
    }
  }
}

/** Undefined where the file came or went at this moment: look again. */
function openLockable(directory: Directory, name: string, create: boolean): number | undefined {
  let descriptor: number | undefined;
  try {
    // For writing, because NFS turns flock into a write lock on the server.
    descriptor = openRegular(directory, name, held, constants.O_RDWR);
  } catch (error) {
    if (create || !hasCode(error, "EACCES", "EROFS")) throw error;
    descriptor = openRegular(directory, name, held);
  }
  if (descriptor !== undefined) return descriptor;
  if (!create) throw new LayoutError("absent", directory.pathOf(name), "no such file");
  try {
    return directory.createFile(name, FILE_MODE);
  } catch (error) {
    if (hasCode(error, "EEXIST")) return undefined;
    throw error;
  }
}
