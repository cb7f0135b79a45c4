import { constants } from "node:fs";
import { endianness } from "node:os";
import { EAGAIN, EINTR, ENXIO } from "./errno.ts";
import { PROC_SUPER_MAGIC } from "./file-system-types.ts";
import { bind, bindAside, check, SystemError } from "./library.ts";

/** Operations of flock(2). */
export const LOCK_SH = 1;
export const LOCK_EX = 2;
export const LOCK_NB = 4;
export const LOCK_UN = 8;

/** Modes of fallocate(2). */
export const FALLOC_FL_KEEP_SIZE = 1;
export const FALLOC_FL_PUNCH_HOLE = 2;

const SEEK_DATA = 3;
const SEEK_HOLE = 4;

const closeNative = bind("int close(int fd)");
const flockNative = bind("int flock(int fd, int operation)");
const SYNCFS = "int syncfs(int fd)";
const syncfsNative = bind(SYNCFS);
const syncfsAsideNative = bindAside(SYNCFS);
const syncFileRangeNative = bind("int sync_file_range(int fd, int64_t offset, int64_t bytes, unsigned int flags)");
const SYNC_FILE_RANGE_WRITE = 2;
const adviseNative = bind("int posix_fadvise(int fd, int64_t offset, int64_t length, int advice)");
const POSIX_FADV_WILLNEED = 3;
const fallocateNative = bind("int fallocate(int fd, int mode, int64_t offset, int64_t length)");
const lseekNative = bind("int64_t lseek(int fd, int64_t offset, int whence)");
const ioctlNative = bind("int ioctl(int fd, unsigned long request, void *argument)");

/**
 * Closes a descriptor that openat() or openBeneath() returned. In a worker thread node:fs warns about closing what it
 * did not open, and closes what was opened by it when the thread ends; these descriptors are on neither list.
 */
export function close(descriptor: number): void {
  check(closeNative(descriptor), "close");
}

/**
 * Takes or releases an advisory lock that belongs to the open file description, so it goes when its last descriptor
 * is closed, also by a kill. Without LOCK_NB it waits, and the whole thread with it.
 *
 * Returns false when LOCK_NB is set and another process holds the lock.
 */
export function flock(descriptor: number, operation: number): boolean {
  for (;;) {
    const result = flockNative(descriptor, operation);
    if (result === -EAGAIN && (operation & LOCK_NB) !== 0) return false;
    if (result === -EINTR) continue;
    check(result, "flock");
    return true;
  }
}

/** Waits until everything written to the file system that holds `descriptor` is on stable storage. */
export function syncfs(descriptor: number): void {
  check(syncfsNative(descriptor), "syncfs");
}

/** syncfs() in another thread: `done` or `failed` is called from the event loop. */
export function syncfsAside(descriptor: number, done: () => void, failed: (error: SystemError) => void): void {
  syncfsAsideNative([descriptor], (result) => (result < 0 ? failed(new SystemError(-result, "syncfs")) : done()));
}

/**
 * Starts writing back the dirty pages of a file, without waiting: a later sync then has little to do. Only a hint: errors
 * are ignored.
 */
export function startWriteback(descriptor: number): void {
  syncFileRangeNative(descriptor, 0, 0, SYNC_FILE_RANGE_WRITE);
}

/** Reserves or punches out `length` bytes from `offset`. */
export function fallocate(descriptor: number, mode: number, offset: number, length: number): void {
  check(fallocateNative(descriptor, mode, offset, length), "fallocate");
}

/** Start of the first data at or after `offset`, or undefined when only a hole follows. Moves the file position. */
export function seekData(descriptor: number, offset: number): number | undefined {
  return seek(descriptor, offset, SEEK_DATA);
}

/** Start of the first hole at or after `offset` (at the latest the file's end), or undefined beyond the end. */
export function seekHole(descriptor: number, offset: number): number | undefined {
  return seek(descriptor, offset, SEEK_HOLE);
}

function seek(descriptor: number, offset: number, whence: number): number | undefined {
  const result = lseekNative(descriptor, offset, whence);
  return result === -ENXIO ? undefined : check(result, "lseek");
}

/** ioctl(2) with a pointer to `argument`, which the kernel may read and write. Returns its result. */
export function ioctl(descriptor: number, request: number, argument: Uint8Array): number {
  const result = ioctlNative(descriptor, request, argument);
  if (result < 0) throw new SystemError(-result, "ioctl");
  return result;
}

/** Starts reading `length` bytes of a file from `offset` on into the page cache, without waiting. Only a hint. */
export function willNeed(descriptor: number, length: number, offset = 0): void {
  adviseNative(descriptor, offset, length, POSIX_FADV_WILLNEED);
}

const fsyncNative = bind("int fsync(int fd)");
const FSTATFS = "int fstatfs(int fd, void *status)";
const fstatfsNative = bind(FSTATFS);
const fstatfsAsideNative = bindAside(FSTATFS);
/** More than struct statfs of the 64-bit ABIs has, which is 120. */
const STATFS_BYTES = 128;
const getdents = bind("int64_t getdents64(int fd, void *entries, size_t size)");

/** Waits until the file, or the names in the directory, are on stable storage. */
export function fsync(descriptor: number): void {
  check(fsyncNative(descriptor), "fsync");
}

/** struct statfs: f_type, f_bsize, f_blocks, f_bfree, f_bavail, … */
function fileSystemStatus(descriptor: number): BigUint64Array {
  const status = new BigUint64Array(STATFS_BYTES / BigUint64Array.BYTES_PER_ELEMENT);
  check(fstatfsNative(descriptor, new Uint8Array(status.buffer)), "fstatfs");
  return status;
}

/** The type of the file system that holds an open file: the magic number of statfs(2). */
export function fileSystemType(descriptor: number): number {
  return Number(fileSystemStatus(descriptor)[0] & 0xffffffffn);
}

/**
 * Asks the file system that holds an open file (O_PATH will do) for its state, in another thread: the kernel has that answer in no cache.
 * `done` gets whether it came without an error; it does not come while the server of a FUSE mount hangs.
 */
export function askFileSystem(descriptor: number, done: (isAnswered: boolean) => void): void {
  fstatfsAsideNative([descriptor, new Uint8Array(STATFS_BYTES)], (result) => done(result >= 0));
}

/** Bytes that an ordinary user may still write to the file system that holds an open file; Infinity without a limit. */
export function availableBytes(descriptor: number): number {
  const [, blockSize, blocks, , available] = fileSystemStatus(descriptor);
  return blocks === 0n ? Infinity : Number(blockSize * available);
}

/** Whether an open file is one of /proc. */
export function isOnProc(descriptor: number): boolean {
  return fileSystemType(descriptor) === PROC_SUPER_MAGIC;
}

/** An entry of a directory. */
export interface Entry {
  name: Buffer;
  /** DT_DIR and the like: the file's type >> 12; 0 if the file system does not report it. */
  type: number;
}

const COPY_FILE_RANGE =
  "int64_t copy_file_range(int from, void *fromOffset, int to, void *toOffset, size_t bytes, unsigned int flags)";
const copyFileRangeNative = bind(COPY_FILE_RANGE);

/**
 * Copies bytes from one file to the other, both from their positions on; file systems that can do it share them instead. Returns
 * their number, 0 at the end. Throws EXDEV, EINVAL, ENOSYS, EOPNOTSUPP where it is not possible between these files.
 */
export function copyFileRange(from: number, to: number, bytes: number): number {
  return check(copyFileRangeNative(from, null, to, null, bytes, 0), "copy_file_range");
}

const LISTING_BYTES = 65536;
let listing: Buffer | undefined;

/** The entries of a directory opened for reading, but "." and "..", in the order of the file system. */
export function listDirectory(descriptor: number): Entry[] {
  listing ??= Buffer.allocUnsafeSlow(LISTING_BYTES);
  const entries: Entry[] = [];
  for (;;) {
    const length = check(getdents(descriptor, listing, LISTING_BYTES), "getdents64");
    if (length === 0) return entries;
    // struct linux_dirent64: ino u64, offset s64, length u16, type u8, name.
    for (let at = 0; at < length; at += listing.readUInt16LE(at + 16)) {
      const start = at + 19;
      const end = listing.indexOf(0, start);
      if (listing[start] === 0x2e && (end === start + 1 || (end === start + 2 && listing[start + 1] === 0x2e)))
        continue;
      entries.push({ name: Buffer.from(listing.subarray(start, end)), type: listing[at + 18] });
    }
  }
}

const readNative = bind("int64_t read(int fd, void *into, size_t length)");
const writeNative = bind("int64_t write(int fd, const void *from, size_t length)");
const fcntlNative = bind("int fcntl(int fd, int command, int argument)");
const F_GETFL = 3;
const F_SETFL = 4;

/** read(2) at the file position. Returns a negated error number instead of throwing, as does write(). */
export function read(descriptor: number, into: Uint8Array, length: number): number {
  return readNative(descriptor, into, length);
}

export function write(descriptor: number, from: Uint8Array, length: number): number {
  return writeNative(descriptor, from, length);
}

/** Sets O_NONBLOCK: in all processes that share the open file, calls do not wait any more. */
export function setNonBlocking(descriptor: number): void {
  const flags = check(fcntlNative(descriptor, F_GETFL, 0), "fcntl");
  check(fcntlNative(descriptor, F_SETFL, flags | constants.O_NONBLOCK), "fcntl");
}

const closeRange = bind("int64_t syscall(int64_t number, unsigned int first, unsigned int last, unsigned int flags)");
/** The same number on every architecture. */
const SYS_CLOSE_RANGE = 436;
const CLOSE_RANGE_CLOEXEC = 4;

/**
 * Keeps processes that are started from here on from inheriting descriptors that this process has inherited itself,
 * whatever their numbers. The descriptors of a new process are passed to it explicitly. Before Linux 5.11 it has no effect.
 */
export function keepDescriptorsFromChildren(): void {
  closeRange(SYS_CLOSE_RANGE, 3, 0xffffffff, CLOSE_RANGE_CLOEXEC);
}

const pollNative = bind("int poll(void *descriptors, unsigned long count, int milliseconds)");
const POLLOUT = 4;

/**
 * poll(2): whether something can be written, after at most `milliseconds` (-1: it waits). Also true where a write would
 * fail. In pipes there is room for 4,096 bytes then.
 */
export function isWritable(descriptor: number, milliseconds: number): boolean {
  // struct pollfd: int fd, short events, short revents.
  const polled = new Int32Array([descriptor, endianness() === "LE" ? POLLOUT : POLLOUT << 16]);
  for (;;) {
    const result = pollNative(new Uint8Array(polled.buffer), 1, milliseconds);
    if (result !== -EINTR) return check(result, "poll") > 0;
  }
}

const TIOCGWINSZ = 0x5413;

/** Columns of a terminal; undefined if it does not report them, or `descriptor` is no terminal. */
export function terminalColumns(descriptor: number): number | undefined {
  // struct winsize: rows, columns, and two sizes in pixels, 16 bits each.
  const size = new Uint16Array(4);
  if (ioctlNative(descriptor, TIOCGWINSZ, new Uint8Array(size.buffer)) < 0) return undefined;
  return size[1] === 0 ? undefined : size[1];
}
