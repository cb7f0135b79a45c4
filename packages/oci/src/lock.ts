import { constants } from "node:fs";
import { close, type Directory, FileStatus, flock, hasCode, LOCK_EX, LOCK_NB, lockHolder } from "@puzzlefs/linux";
import { LayoutError } from "./errors.ts";
import { FILE_MODE, openRegular } from "./files.ts";
import { runSteps, type Steps } from "./steps.ts";

const held = new FileStatus();
const named = new FileStatus();

/** A failed attempt to take a lock. */
export interface LockWait {
  /** The locked file. */
  path: string;
  /** Since the first attempt. */
  milliseconds: number;
  /** Looks up the process that holds the lock; undefined where the system does not show it. */
  holder(): number | undefined;
}

/** Called between attempts to take a lock; what it throws ends the wait. */
export type Waiting = (wait: LockWait) => void;

const LONGEST_PAUSE = 50;

/** Identities of the files whose locks this thread holds. */
const own = new Set<string>();

/** A lock that is held until it is disposed of. */
export interface HeldLock extends Disposable {
  /** Of the locked file; with `create` it can be written. */
  readonly descriptor: number;
}

/**
 * Takes the exclusive lock on a layout: flock(2) on its `oci-layout`, the one file that
 * no tool replaces (index.json is renamed over by every commit). The kernel drops the lock when the process dies.
 * Waits, calling `waiting` several times a second. With `create` the file is made, empty, if there is none.
 */
export function* lockSteps(directory: Directory, name: string, create: boolean, waiting: Waiting): Steps<HeldLock> {
  for (;;) {
    const descriptor = openLockable(directory, name, create);
    if (descriptor === undefined) continue;
    let lock: HeldLock | undefined;
    try {
      yield* waitForLock(descriptor, directory.pathOf(name), waiting);
      // Another process may have replaced the file while we waited; then our lock excludes no other process.
      held.readDescriptor(descriptor);
      const present = directory.status(name, named);
      if (!present && !create) throw new LayoutError("absent", directory.pathOf(name), "it vanished");
      if (present && held.identity === named.identity) return (lock = heldLock(descriptor, held.identity));
    } finally {
      if (lock === undefined) close(descriptor);
    }
  }
}

/** Takes the lock of a file, which is made if there is none; waits for it, and the thread with it. */
export function lockFile(directory: Directory, name: string, waiting: Waiting): HeldLock {
  return runSteps(lockSteps(directory, name, true, waiting));
}

/** Runs `action` with the lock; waits for it, and the thread with it. `action` gets the descriptor of the locked file. */
export function withLock<T>(
  directory: Directory,
  name: string,
  create: boolean,
  waiting: Waiting,
  action: (descriptor: number) => T,
): T {
  using lock = runSteps(lockSteps(directory, name, create, waiting));
  return action(lock.descriptor);
}

function heldLock(descriptor: number, identity: string): HeldLock {
  own.add(identity);
  return {
    descriptor,
    [Symbol.dispose]: () => {
      own.delete(identity);
      close(descriptor);
    },
  };
}

/** Asks again and again instead of sleeping in flock(2), which no signal would end that the program handles later. */
function* waitForLock(descriptor: number, path: string, waiting: Waiting): Steps<void> {
  const start = performance.now();
  for (let pause = 1; !flock(descriptor, LOCK_EX | LOCK_NB); pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    waiting({ path, milliseconds: performance.now() - start, holder: () => lockHolder(descriptor) });
    held.readDescriptor(descriptor);
    yield { pause, path, isOwn: own.has(held.identity) };
  }
}

/** Undefined if the file was made or removed at this moment: try again. */
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
