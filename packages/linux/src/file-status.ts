import { constants } from "node:fs";
import { ENOENT } from "./errno.ts";
import { bind, check } from "./library.ts";
import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW } from "./open-flags.ts";
import { nulTerminated, printable, type Path } from "./paths.ts";

const STATX_BASIC_STATS = 0x7ff;
/** Since Linux 6.8; earlier kernels ignore it. */
const STATX_MNT_ID_UNIQUE = 0x4000;
/** STATX_ATTR_MOUNT_ROOT in the second byte of stx_attributes and of its mask. */
const ATTR_MOUNT_ROOT = 0x20;
const statusBytes = 256;
/** 32-bit words of the status: inode number, size, modification time, file system. */
const identifyingWords = [8, 9, 10, 11, 28, 29, 30, 34, 35] as const;
const emptyPath = new Uint8Array(1);

const statx = bind("int statx(int dirfd, const void *path, int flags, unsigned int mask, void *status)");

/**
 * The result of statx(2) for one file at a time: each call replaces the last result. Node's own lstat
 * allocates about twenty bigints for each file; without bigints it rounds nanoseconds and large inode numbers.
 */
export class FileStatus {
  readonly #bytes = Buffer.alloc(statusBytes);
  readonly #words = new Uint32Array(this.#bytes.buffer, this.#bytes.byteOffset, statusBytes / 4);

  /** `path` ends in NUL; a symbolic link is not followed. Throws a system error. */
  readPath(path: Uint8Array): void {
    this.readAt(AT_FDCWD, path);
  }

  /** The same of a name in an opened directory. */
  readAt(directory: number, name: Path): void {
    const result = statx(directory, nulTerminated(name), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, this.#bytes);
    if (result < 0) check(result, "statx", () => printable(name));
  }

  /** readAt() where the name may be absent: false then. */
  readIfPresent(directory: number, name: Path): boolean {
    const result = statx(directory, nulTerminated(name), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, this.#bytes);
    if (result === -ENOENT) return false;
    if (result < 0) check(result, "statx", () => printable(name));
    return true;
  }

  /**
   * The part of readAt() that the kernel returns without a request to the file system: `device` and `isMountRoot`. False where there
   * is no such entry. It works where a FUSE file system of another user's, or one whose server is dead, refuses readAt().
   */
  readMountAt(directory: number, name: Path): boolean {
    return statx(directory, nulTerminated(name), AT_SYMLINK_NOFOLLOW, 0, this.#bytes) === 0;
  }

  /**
   * The number of the mount that `path` is in, which no later mount gets, unlike the numbers in /proc/self/mountinfo.
   * Undefined before Linux 6.8, or if the path cannot be looked up.
   */
  uniqueMountId(path: Path): bigint | undefined {
    if (statx(AT_FDCWD, nulTerminated(path), 0, STATX_MNT_ID_UNIQUE, this.#bytes) !== 0) return undefined;
    const isFilled = (this.#bytes.readUInt32LE(0) & STATX_MNT_ID_UNIQUE) !== 0;
    return isFilled ? this.#bytes.readBigUInt64LE(144) : undefined;
  }

  readDescriptor(descriptor: number): void {
    check(statx(descriptor, emptyPath, AT_EMPTY_PATH, STATX_BASIC_STATS, this.#bytes), "statx");
  }

  /** The type of the file: S_IFREG, S_IFDIR, … of node:fs' constants. */
  get type(): number {
    return this.mode & constants.S_IFMT;
  }
  get nlink(): number {
    return this.#bytes.readUInt32LE(16);
  }
  get uid(): number {
    return this.#bytes.readUInt32LE(20);
  }
  get gid(): number {
    return this.#bytes.readUInt32LE(24);
  }
  /** Type and permission bits. */
  get mode(): number {
    return this.#bytes.readUInt16LE(28);
  }
  get size(): number {
    return Number(this.#bytes.readBigUInt64LE(40));
  }
  /** Bytes that take up space: less than `size` where there are holes. */
  get allocated(): number {
    return Number(this.#bytes.readBigUInt64LE(48)) * 512;
  }
  get mtimeSeconds(): number {
    return Number(this.#bytes.readBigInt64LE(112));
  }
  get mtimeNanoseconds(): number {
    return this.#bytes.readUInt32LE(120);
  }
  /** When the file or its names, owner, mode or content were last changed, seconds; a program cannot set it. */
  get changedSeconds(): number {
    return Number(this.#bytes.readBigInt64LE(96)) + this.#bytes.readUInt32LE(104) / 1e9;
  }
  /** File system, inode number, size, ctime and mtime, as text of 48 characters to compare: it changes when the file does. */
  get fingerprint(): string {
    return (
      this.identity +
      this.#bytes.toString("latin1", 40, 48) +
      this.#bytes.toString("latin1", 96, 108) +
      this.#bytes.toString("latin1", 112, 124)
    );
  }
  /** Device number of a chr or blk, 0 otherwise. */
  get major(): number {
    return this.#bytes.readUInt32LE(128);
  }
  get minor(): number {
    return this.#bytes.readUInt32LE(132);
  }
  /** Whether something is mounted here; undefined before Linux 5.8. */
  get isMountRoot(): boolean | undefined {
    return (this.#bytes[57] & ATTR_MOUNT_ROOT) === 0 ? undefined : (this.#bytes[9] & ATTR_MOUNT_ROOT) !== 0;
  }
  /** The file system, as text to compare. */
  get device(): string {
    return this.#bytes.toString("latin1", 136, 144);
  }
  /** Major and minor device number of the file system. */
  get deviceNumbers(): [major: number, minor: number] {
    return [this.#bytes.readUInt32LE(136), this.#bytes.readUInt32LE(140)];
  }
  /** Inode number, decimal. */
  get inode(): string {
    return String(this.#bytes.readBigUInt64LE(32));
  }
  /** The file itself, as text to compare: file system and inode number. */
  get identity(): string {
    return this.device + this.#bytes.toString("latin1", 32, 40);
  }

  /** Whether this is the same file, of the same size and modification time. */
  unchangedSince(earlier: FileStatus): boolean {
    // Words, because strings and bigints for each file cost a build of many small files several percent.
    return identifyingWords.every((index) => this.#words[index] === earlier.#words[index]);
  }
}
