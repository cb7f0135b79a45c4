import { s64, u16, u32, u64 } from "./little-endian.ts";
import { type Kind, kindOf } from "./modes.ts";

/** The result of statx(2). */
export interface Status {
  kind: Kind;
  /** All 16 bits. */
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  size: number;
  /** Of 512 bytes. */
  blocks: number;
  /** 8 bytes: inode numbers are compared, not counted with. */
  ino: string;
  major: number;
  minor: number;
  deviceMajor: number;
  deviceMinor: number;
  mtime: Time;
  atime: Time;
  ctime: Time;
}

export interface Time {
  seconds: number;
  nanoseconds: number;
}

/** sizeof(struct statx) */
export const STATUS_SIZE = 256;

/** @param bytes struct statx, linux/stat.h */
export function parseStatus(bytes: string): Status {
  const mode = u16(bytes, 28);
  const time = (at: number): Time => ({ seconds: s64(bytes, at), nanoseconds: u32(bytes, at + 8) });
  return {
    kind: kindOf(mode >>> 12),
    mode,
    nlink: u32(bytes, 16),
    uid: u32(bytes, 20),
    gid: u32(bytes, 24),
    size: u64(bytes, 40),
    blocks: u64(bytes, 48),
    ino: bytes.slice(32, 40),
    major: u32(bytes, 128),
    minor: u32(bytes, 132),
    deviceMajor: u32(bytes, 136),
    deviceMinor: u32(bytes, 140),
    mtime: time(112),
    atime: time(64),
    ctime: time(96),
  };
}
