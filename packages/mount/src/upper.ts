import { constants } from "node:fs";
import { basename, dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MountError } from "@puzzlefs/fuse";
import { close, Directory, FileStatus, flock, LOCK_EX, LOCK_NB, realPathOf, SystemError } from "@puzzlefs/linux";
import { readRecord } from "./upper-record.ts";
import {
  identityOf,
  inUse,
  isInUse,
  type NamedDirectory,
  Refusal,
  refuseOverlap,
  refuseShownMount,
} from "./upper-use.ts";

/** A file in the work directory. Its lock is for the processes that mount, and for those that serve. */
export const LOCK = "lock";
/**
 * Milliseconds in which the server of a mount that has just ended releases the lock, and a mount namespace that is being
 * created its copy of the mount.
 */
const PATIENCE = 5000;
const PAUSE = 20;
/** The directory in which overlayfs records hard links. */
const INDEX = "index";
/** `#`: with an index, overlayfs makes its whiteouts and temporary files there, by names such as `#57c9`. */
const TEMPORARY = 0x23;

/** The two directories of an overlay that are written. They are used only by their descriptors. */
export class Upper {
  readonly upper: Directory;
  readonly work: Directory;
  /** The descriptor of a locked file, for close(); undefined if no other mount can use the directories. */
  readonly lock: number | undefined;
  readonly #steps: Steps;

  private constructor(upper: Directory, work: Directory, steps: Steps, lock?: number) {
    this.upper = upper;
    this.work = work;
    this.lock = lock;
    this.#steps = steps;
  }

  /** Makes both in a new temporary directory. */
  static make(parent: Directory): Upper {
    const steps = new Steps();
    const upper = steps.opened(parent.makeDirectory("upper"));
    return new Upper(upper, steps.opened(parent.makeDirectory("upper.work", 0o700)), steps);
  }

  /**
   * Opens `path` and, beside the directory that it leads to, its name with .work, making what is missing; their parent
   * must be there. A link to it must be root's or our own. The work directory, which overlayfs empties, must be a real
   * directory of our own. Rejects with MountError also if any of them is, has inside, or is inside one of `apart`, or if
   * another mount uses them; then directories that were made are removed again.
   *
   * @param scratch an empty directory, to ask the kernel
   */
  static async open(path: string, apart: readonly NamedDirectory[], scratch: Directory): Promise<Upper> {
    const steps = new Steps();
    try {
      const [upper, parent, name] = openUpper(path, apart, steps);
      const work = openWork(parent, `${name}.work`, apart, steps);
      const busy = inUse(readRecord(upper)?.at);
      const refuseUsed = async (): Promise<void> => {
        refuseShownMount([upper, work]);
        await patiently(() => !isInUse([upper, work], scratch), busy);
      };
      await refuseUsed();
      const lock = await lockIn(work, busy);
      steps.closing(lock);
      // From here on no other mount of puzzlefs can begin to use them.
      await refuseUsed();
      return new Upper(upper, work, steps, lock);
    } catch (error) {
      steps.undo();
      steps.close();
      if (!(error instanceof SystemError || error instanceof Refusal)) throw error;
      throw new MountError(`${path}: cannot be an upper directory: ${error.message}`);
    }
  }

  /** Whether nothing has been written yet, or all files were removed from the directory itself. */
  get isEmpty(): boolean {
    return this.upper.entries().length === 0;
  }

  /** Whether the caller may change its attributes. */
  get isOurs(): boolean {
    return isOurs(this.upper);
  }

  /** Number of inodes in the index of hard links; undefined without an index. */
  get indexed(): number | undefined {
    if (!this.work.status(INDEX, new FileStatus())) return undefined;
    using index = this.work.directory(INDEX);
    return index.entries().filter(({ name }) => name[0] !== TEMPORARY).length;
  }

  get indexPath(): string {
    return this.work.pathOf(INDEX);
  }

  /** Changed hard links become files of their own. */
  removeIndex(): void {
    if (this.indexed !== undefined) removeTree(this.work, INDEX);
  }

  /** Removes the directories that were made: the mount has failed. */
  undo(): void {
    this.#steps.undo();
  }

  [Symbol.dispose](): void {
    this.#steps.close();
  }
}

/** Descriptors to close, and steps to undo. */
class Steps {
  readonly #descriptors: number[] = [];
  readonly #undo: (() => void)[] = [];

  opened(directory: Directory): Directory {
    this.closing(directory.descriptor);
    return directory;
  }

  closing(descriptor: number): void {
    this.#descriptors.push(descriptor);
  }

  made(undo: () => void): void {
    this.#undo.push(undo);
  }

  /** The last first. */
  undo(): void {
    for (const step of this.#undo.splice(0).toReversed()) step();
  }

  close(): void {
    for (const descriptor of this.#descriptors.splice(0)) close(descriptor);
  }
}

/** Returns the upper directory, its real parent, and its name there. */
function openUpper(
  path: string,
  apart: readonly NamedDirectory[],
  steps: Steps,
): [upper: Directory, parent: Directory, name: string] {
  const parent = steps.opened(Directory.open(dirname(path)));
  const name = basename(path);
  if (name === "") throw new Refusal("there is no place for a work directory beside it");
  const status = new FileStatus();
  if (!parent.status(name, status)) {
    const upper = steps.opened(parent.makeDirectory(name));
    steps.made(() => parent.removeDirectory(name));
    refuseOverlap(upper, apart);
    return [upper, parent, name];
  }
  const isLink = status.type === constants.S_IFLNK;
  if (isLink && status.uid !== 0 && status.uid !== process.geteuid?.()) {
    throw new Refusal(`${parent.pathOf(name)} is a symbolic link of another user's`);
  }
  const upper = steps.opened(parent.linkedDirectory(name));
  refuseOverlap(upper, apart);
  if (!isLink) return [upper, parent, name];
  // A directory has one work directory, and so one lock, whatever path it is opened by.
  const real = realPathOf(upper.descriptor, path);
  const above = steps.opened(new Directory(upper.directory("..").descriptor, dirname(real)));
  if (!above.status(basename(real), status) || status.identity !== identityOf(upper)) {
    throw new Refusal(`${real} was moved meanwhile`);
  }
  return [upper, above, basename(real)];
}

function openWork(parent: Directory, name: string, apart: readonly NamedDirectory[], steps: Steps): Directory {
  const status = new FileStatus();
  const isThere = parent.status(name, status);
  if (isThere && status.type !== constants.S_IFDIR) throw new Refusal(`${parent.pathOf(name)} is not a directory`);
  const work = steps.opened(isThere ? parent.directory(name) : parent.makeDirectory(name, 0o700));
  if (!isThere) steps.made(() => removeTree(parent, name));
  refuseOverlap(work, apart);
  if (!isOurs(work)) throw new Refusal(`${work.path}, its work directory, is another user's`);
  return work;
}

function isOurs({ descriptor }: Directory): boolean {
  const status = new FileStatus();
  status.readDescriptor(descriptor);
  return status.uid === process.geteuid?.();
}

/**
 * Returns a descriptor with the lock, which processes hold while they mount, and FUSE servers for as long as they serve.
 * The file is not removed: a process that waits for the lock of a removed file would not exclude one that makes it anew.
 */
async function lockIn(work: Directory, busy: string): Promise<number> {
  let lock = work.openFile(LOCK);
  if (lock === undefined) {
    close(work.createFile(LOCK, 0o600));
    lock = work.openFile(LOCK);
  }
  if (lock === undefined) throw new Refusal(`${work.pathOf(LOCK)} was removed meanwhile`);
  const opened = lock;
  try {
    await patiently(() => flock(opened, LOCK_EX | LOCK_NB), busy);
    return opened;
  } catch (error) {
    close(opened);
    throw error;
  }
}

/** Calls `ask` until it returns true. Throws Refusal if it does not within PATIENCE. */
export async function patiently(ask: () => boolean, busy: string): Promise<void> {
  for (const deadline = performance.now() + PATIENCE; !ask(); await sleep(PAUSE)) {
    if (performance.now() > deadline) throw new Refusal(busy);
  }
}

/** Removes a directory that no other user writes, with its content. */
function removeTree(parent: Directory, name: string | Uint8Array): void {
  {
    using directory = parent.directory(name);
    const status = new FileStatus();
    for (const entry of directory.entries()) {
      if (directory.status(entry.name, status) && status.type === constants.S_IFDIR) removeTree(directory, entry.name);
      else directory.removeFile(entry.name);
    }
  }
  parent.removeDirectory(name);
}
