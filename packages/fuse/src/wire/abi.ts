/**
 * The kernel's side of FUSE as numbers: protocol version, opcodes, INIT flags, struct sizes and offsets. Source:
 * include/uapi/linux/fuse.h. abi.test.ts compares them with the values that the C compiler computes from that header.
 */
import { struct, u16, u32, u64 } from "./struct-offsets.ts";

export const KERNEL_MAJOR = 7;
/** The newest minor whose structs and flags are known here; 7.41 brought ALLOW_IDMAP. */
export const NEWEST_MINOR = 41;
/** The oldest minor that is served: 7.31 (Linux 5.4) has no-open, no-opendir, max_pages and cached symlinks. */
export const OLDEST_MINOR = 31;

export const ROOT_ID = 1;

export const Opcode = {
  LOOKUP: 1,
  FORGET: 2,
  GETATTR: 3,
  SETATTR: 4,
  READLINK: 5,
  SYMLINK: 6,
  MKNOD: 8,
  MKDIR: 9,
  UNLINK: 10,
  RMDIR: 11,
  RENAME: 12,
  LINK: 13,
  OPEN: 14,
  READ: 15,
  WRITE: 16,
  STATFS: 17,
  RELEASE: 18,
  FSYNC: 20,
  SETXATTR: 21,
  GETXATTR: 22,
  LISTXATTR: 23,
  REMOVEXATTR: 24,
  FLUSH: 25,
  INIT: 26,
  OPENDIR: 27,
  READDIR: 28,
  RELEASEDIR: 29,
  FSYNCDIR: 30,
  GETLK: 31,
  SETLK: 32,
  SETLKW: 33,
  ACCESS: 34,
  CREATE: 35,
  INTERRUPT: 36,
  BMAP: 37,
  DESTROY: 38,
  IOCTL: 39,
  POLL: 40,
  BATCH_FORGET: 42,
  FALLOCATE: 43,
  READDIRPLUS: 44,
  RENAME2: 45,
  LSEEK: 46,
  COPY_FILE_RANGE: 47,
  SETUPMAPPING: 48,
  REMOVEMAPPING: 49,
  SYNCFS: 50,
  TMPFILE: 51,
  STATX: 52,
} as const;

const NAMES = new Map<number, string>(Object.entries(Opcode).map(([name, code]) => [code, name]));

export function opcodeName(opcode: number): string {
  return NAMES.get(opcode) ?? `opcode ${opcode}`;
}

/** INIT flags, bit numbers of `flags` (0–31). */
export const InitFlag = {
  ASYNC_READ: 1 << 0,
  EXPORT_SUPPORT: 1 << 4,
  AUTO_INVAL_DATA: 1 << 12,
  DO_READDIRPLUS: 1 << 13,
  READDIRPLUS_AUTO: 1 << 14,
  ASYNC_DIO: 1 << 15,
  NO_OPEN_SUPPORT: 1 << 17,
  PARALLEL_DIROPS: 1 << 18,
  POSIX_ACL: 1 << 20,
  MAX_PAGES: 1 << 22,
  CACHE_SYMLINKS: 1 << 23,
  NO_OPENDIR_SUPPORT: 1 << 24,
  EXPLICIT_INVAL_DATA: 1 << 25,
  INIT_EXT: 1 << 30,
} as const;

/** INIT flags of the second word, `flags2`: bit numbers of the header less 32. */
export const InitFlag2 = {
  /** Bit 40: owners in idmapped mounts of this mount are mapped by the kernel. */
  ALLOW_IDMAP: 1 << 8,
} as const;

export const IN_HEADER_SIZE = 40;
export const inHeader = struct(IN_HEADER_SIZE, {
  len: u32,
  opcode: u32,
  unique: u64,
  nodeid: u64,
  uid: u32,
  gid: u32,
  pid: u32,
  total_extlen: u16,
  padding: u16,
});

export const OUT_HEADER_SIZE = 16;
export const outHeader = struct(OUT_HEADER_SIZE, { len: u32, error: u32, unique: u64 });

const INIT_IN_SIZE = 64;
export const initIn = struct(INIT_IN_SIZE - 11 * 4, {
  major: u32,
  minor: u32,
  max_readahead: u32,
  flags: u32,
  flags2: u32,
});

export const INIT_OUT_SIZE = 64;
export const initOut = struct(INIT_OUT_SIZE - 7 * 4, {
  major: u32,
  minor: u32,
  max_readahead: u32,
  flags: u32,
  max_background: u16,
  congestion_threshold: u16,
  max_write: u32,
  time_gran: u32,
  max_pages: u16,
  map_alignment: u16,
  flags2: u32,
});

export const ATTR_SIZE = 88;
export const attr = struct(ATTR_SIZE, {
  ino: u64,
  size: u64,
  blocks: u64,
  atime: u64,
  mtime: u64,
  ctime: u64,
  atimensec: u32,
  mtimensec: u32,
  ctimensec: u32,
  mode: u32,
  nlink: u32,
  uid: u32,
  gid: u32,
  rdev: u32,
  blksize: u32,
  flags: u32,
});

/** Followed by a fuse_attr. */
export const ENTRY_OUT_SIZE = 128;
export const entryOut = struct(ENTRY_OUT_SIZE - ATTR_SIZE, {
  nodeid: u64,
  generation: u64,
  entry_valid: u64,
  attr_valid: u64,
  entry_valid_nsec: u32,
  attr_valid_nsec: u32,
});

/** Followed by a fuse_attr. */
export const ATTR_OUT_SIZE = 104;
export const attrOut = struct(ATTR_OUT_SIZE - ATTR_SIZE, { attr_valid: u64, attr_valid_nsec: u32, dummy: u32 });

/** Followed by the name, padded to 8 bytes. READDIRPLUS puts a fuse_entry_out before it. */
export const DIRENT_SIZE = 24;
export const dirent = struct(DIRENT_SIZE, { ino: u64, off: u64, namelen: u32, type: u32 });

export const LSEEK_IN_SIZE = 24;
export const lseekIn = struct(LSEEK_IN_SIZE, { fh: u64, offset: u64, whence: u32, padding: u32 });
export const LSEEK_OUT_SIZE = 8;
export const lseekOut = struct(LSEEK_OUT_SIZE, { offset: u64 });

/** READ, READDIR and READDIRPLUS. */
export const READ_IN_SIZE = 40;
export const readIn = struct(READ_IN_SIZE, {
  fh: u64,
  offset: u64,
  size: u32,
  read_flags: u32,
  lock_owner: u64,
  flags: u32,
  padding: u32,
});

/** GETXATTR (followed by the name) and LISTXATTR. */
export const GETXATTR_IN_SIZE = 8;
export const getxattrIn = struct(GETXATTR_IN_SIZE, { size: u32, padding: u32 });

export const GETXATTR_OUT_SIZE = 8;
export const getxattrOut = struct(GETXATTR_OUT_SIZE, { size: u32, padding: u32 });

const STATFS_SPARE = 6 * 4;
export const STATFS_OUT_SIZE = 80;
export const statfsOut = struct(STATFS_OUT_SIZE - STATFS_SPARE, {
  blocks: u64,
  bfree: u64,
  bavail: u64,
  files: u64,
  ffree: u64,
  bsize: u32,
  namelen: u32,
  frsize: u32,
  padding: u32,
});

export const INTERRUPT_IN_SIZE = 8;
