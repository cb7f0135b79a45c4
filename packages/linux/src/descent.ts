import { constants } from "node:fs";
import { openat } from "./at-calls.ts";
import { close, fileSystemType } from "./descriptors.ts";
import { FileStatus } from "./file-status.ts";
import { FUSE_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC } from "./file-system-types.ts";

const READ_DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY;

/** Open descriptors; beyond, those of some levels are closed. */
const MOST_OPEN = 64;

/** File systems on which a directory may have another inode number after it was evicted from the inode cache. */
const RENUMBERING = new Set<number>([OVERLAYFS_SUPER_MAGIC, FUSE_SUPER_MAGIC]);

/** A directory of a tree that is being walked, and which one it was when its parent was listed. */
export interface Level {
  readonly parent: Level | undefined;
  /** In its parent; may end in NUL. */
  readonly name: Uint8Array;
  /** Number of directories above it. */
  readonly depth: number;
  /** FileStatus' device and identity. */
  readonly device: string;
  readonly identity: string;
  /** While it is open. */
  descriptor: number | undefined;
}

/**
 * Goes through the directories of a tree depth first, each opened by its name in its parent: a symbolic link or
 * another directory in its place is not entered, and ".." is not used, so nothing outside the tree is reached,
 * whatever is renamed meanwhile. The number of open descriptors is bounded whatever the depth.
 */
export class Descent {
  readonly root: Level;
  readonly #failure: (level: Level, cause: unknown) => Error;
  readonly #status = new FileStatus();
  /** Levels that have a descriptor, the root first, each an ancestor of the next: dense at the end, sparse before. */
  #open: Level[] = [];

  /**
   * `directory` is any descriptor of the root, which remains the caller's. `failure` makes what is thrown when a
   * directory cannot be opened, or, with undefined as its cause, is not the one that was found.
   */
  constructor(directory: number, failure: (level: Level, cause: unknown) => Error) {
    this.#failure = failure;
    const descriptor = openat(directory, ".", READ_DIRECTORY);
    this.#status.readDescriptor(descriptor);
    const { device, identity } = this.#status;
    this.root = { parent: undefined, name: new Uint8Array(0), depth: 0, device, identity, descriptor };
    this.#open.push(this.root);
  }

  /** A directory found in `parent`, with its status. */
  level(parent: Level, name: Uint8Array, { device, identity }: FileStatus): Level {
    return { parent, name, depth: parent.depth + 1, device, identity, descriptor: undefined };
  }

  /**
   * A descriptor of a directory, for listing and *at calls; valid until the next call. Levels must come depth first,
   * or calls take long.
   */
  enter(level: Level): number {
    for (let last = this.#open.at(-1); last !== level && last !== undefined && last.depth >= level.depth;) {
      this.#close(last);
      this.#open.pop();
      last = this.#open.at(-1);
    }
    const missing: Level[] = [];
    let at = level;
    for (; at.descriptor === undefined && at.parent !== undefined; at = at.parent) missing.push(at);
    let descriptor = at.descriptor as number;
    for (const next of missing.reverse()) descriptor = this.#enterFrom(descriptor, next);
    return descriptor;
  }

  close(): void {
    for (const level of this.#open) this.#close(level);
    this.#open = [];
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #enterFrom(parent: number, level: Level): number {
    let descriptor: number;
    try {
      descriptor = openat(parent, level.name, READ_DIRECTORY);
    } catch (error) {
      throw this.#failure(level, error);
    }
    level.descriptor = descriptor;
    this.#open.push(level);
    this.#status.readDescriptor(descriptor);
    if (!this.#isStill(level, descriptor)) throw this.#failure(level, undefined);
    this.#thinOut();
    return descriptor;
  }

  #isStill(level: Level, descriptor: number): boolean {
    if (this.#status.identity === level.identity) return true;
    return this.#status.device === level.device && RENUMBERING.has(fileSystemType(descriptor));
  }

  /**
   * Closes every second of the older half but the root. What is n levels up is then about n / 32 levels from one that
   * is open, so that the way back up a deep tree does not take the square of its depth.
   */
  #thinOut(): void {
    if (this.#open.length <= MOST_OPEN) return;
    this.#open = this.#open.filter((level, index) => {
      const stays = index % 2 === 0 || index > MOST_OPEN / 2;
      if (!stays) this.#close(level);
      return stays;
    });
  }

  #close(level: Level): void {
    if (level.descriptor !== undefined) close(level.descriptor);
    level.descriptor = undefined;
  }
}
