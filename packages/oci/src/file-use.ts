import { constants } from "node:fs";
import { close, type Directory, FileStatus, flock, hasCode, LOCK_EX, LOCK_NB, LOCK_SH } from "@puzzlefs/linux";
import { openRegular } from "./files.ts";

/**
 * Images in use. Each reader of an image (a command, the FUSE server and its supervisor, a build over a base) has a shared flock(2)
 * on the blob of its manifest; gc takes an exclusive one before it removes a manifest, and keeps all blobs of an image whose
 * manifest is locked. The kernel drops the locks of a process that dies, and they work across mount and pid namespaces, users and
 * read-only mounts. A mount of the kernel driver has no such lock: gc finds it in the lists of mounts.
 */

const opened = new FileStatus();
const named = new FileStatus();
const pause = new Int32Array(new SharedArrayBuffer(4));
/** gc has its lock for an instant. Another process that has one for longer keeps gc away from the image as well. */
const MOST_PAUSES = 100;
const PAUSE = 5;

/** Locks a file that is in use; undefined where there is no file of that name. */
export function holdFile(directory: Directory, name: string): Disposable | undefined {
  const descriptor = openRegular(directory, name, opened);
  if (descriptor === undefined) return undefined;
  const held = { [Symbol.dispose]: () => close(descriptor) };
  for (let pauses = 0; !mayLock(descriptor, LOCK_SH) && pauses < MOST_PAUSES; pauses++)
    Atomics.wait(pause, 0, 0, PAUSE);
  if (isNamed(directory, name, descriptor)) return held;
  // It has been removed since, or replaced.
  close(descriptor);
  return holdFile(directory, name);
}

/**
 * Takes the exclusive lock of a file that is to be removed, until that is disposed of. Undefined if it is in use, or not there any more.
 */
export function takeFile(directory: Directory, name: string): Disposable | undefined {
  const descriptor = openLockable(directory, name);
  if (descriptor === undefined) return undefined;
  if (mayLock(descriptor, LOCK_EX)) return { [Symbol.dispose]: () => close(descriptor) };
  close(descriptor);
  return undefined;
}

/** For writing where that is permitted, because NFS wants it for an exclusive lock; not so of a blob with fs-verity. */
function openLockable(directory: Directory, name: string): number | undefined {
  try {
    return openRegular(directory, name, opened, constants.O_RDWR);
  } catch (error) {
    if (!hasCode(error, "EACCES", "EPERM", "EROFS", "ETXTBSY")) throw error;
    return openRegular(directory, name, opened);
  }
}

/** True also where the file system has no locks. */
function mayLock(descriptor: number, operation: number): boolean {
  try {
    return flock(descriptor, operation | LOCK_NB);
  } catch (error) {
    if (hasCode(error, "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "ENOLCK", "EINVAL")) return true;
    throw error;
  }
}

function isNamed(directory: Directory, name: string, descriptor: number): boolean {
  opened.readDescriptor(descriptor);
  return directory.status(name, named) && named.identity === opened.identity;
}
