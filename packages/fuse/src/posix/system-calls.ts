import { createRequire } from "node:module";
import { errnoName } from "../wire/errno.ts";

/** A directory entry as getdents64(2) gives it. */
export interface RawEntry {
  ino: bigint;
  /** lseek(2) position just after this entry. */
  next: bigint;
  /** DT_* */
  type: number;
  /** latin1 */
  name: string;
}

/** System calls that the cases need and Node lacks. All throw an Error whose message names the error. */
export interface SystemCalls {
  getdents(descriptor: number, bytes: number): RawEntry[];
  lseek(descriptor: number, offset: bigint, whence: number): bigint;
  /** Names, latin1. */
  mknod(path: Buffer, mode: number, device: bigint): void;
  /** Sets access and modification time, of a symlink itself. */
  utimens(path: Buffer, seconds: number, nanoseconds: number): void;
  lsetxattr(path: Buffer, name: string, value: Uint8Array): void;
  llistxattr(path: Buffer): string[];
  lgetxattr(path: Buffer, name: string, room: number): Buffer;
  /** Size of the value. */
  xattrSize(path: Buffer, name: string): number;
}

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;

let loaded: SystemCalls | undefined;

export function systemCalls(): SystemCalls {
  loaded ??= load();
  return loaded;
}

function load(): SystemCalls {
  const koffi = createRequire(import.meta.url)("koffi") as typeof import("koffi");
  const library = koffi.load(null);
  const getdents = library.func("long getdents64(int, void *, size_t)");
  const lseek = library.func("int64_t lseek(int, int64_t, int)");
  const lset = library.func("int lsetxattr(const void *, const char *, const void *, size_t, int)");
  const llist = library.func("long llistxattr(const void *, void *, size_t)");
  const lget = library.func("long lgetxattr(const void *, const char *, void *, size_t)");
  const mknod = library.func("int mknod(const void *, uint32_t, uint64_t)");
  const utimensat = library.func("int utimensat(int, const void *, const void *, int)");
  const checked = (call: string, result: number | bigint): number => {
    if (result < 0) throw new Error(`${call}: ${errnoName(koffi.errno())}`);
    return Number(result);
  };
  const zeroed = (path: Buffer): Buffer => Buffer.concat([path, Buffer.alloc(1)]);

  return {
    getdents: (descriptor, bytes) => {
      const buffer = Buffer.alloc(bytes);
      return parseEntries(buffer.subarray(0, checked("getdents64", getdents(descriptor, buffer, bytes))));
    },
    lseek: (descriptor, offset, whence) => BigInt(checked("lseek", lseek(descriptor, offset, whence))),
    mknod: (path, mode, device) => void checked("mknod", mknod(zeroed(path), mode, device)),
    utimens: (path, seconds, nanoseconds) => {
      const time = [BigInt(seconds), BigInt(nanoseconds)];
      const times = Buffer.from(BigInt64Array.from([...time, ...time]).buffer);
      checked("utimensat", utimensat(AT_FDCWD, zeroed(path), times, AT_SYMLINK_NOFOLLOW));
    },
    lsetxattr: (path, name, value) => {
      checked("lsetxattr", lset(zeroed(path), name, Buffer.from(value), value.length, 0));
    },
    llistxattr: (path) => {
      const buffer = Buffer.alloc(65536);
      const size = checked("llistxattr", llist(zeroed(path), buffer, buffer.length));
      return buffer.toString("latin1", 0, size).split("\0").slice(0, -1);
    },
    lgetxattr: (path, name, room) => {
      const buffer = Buffer.alloc(room);
      return buffer.subarray(0, checked("lgetxattr", lget(zeroed(path), name, buffer, room)));
    },
    xattrSize: (path, name) => checked("lgetxattr", lget(zeroed(path), name, null, 0)),
  };
}

/** struct linux_dirent64 {u64 ino; s64 off; u16 reclen; u8 type; char name[]} */
function parseEntries(buffer: Buffer): RawEntry[] {
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  const entries: RawEntry[] = [];
  for (let at = 0; at < buffer.length;) {
    const length = buffer.readUInt16LE(at + 16);
    const name = buffer.toString("latin1", at + 19, at + length);
    entries.push({
      ino: view.getBigUint64(at, true),
      next: view.getBigInt64(at + 8, true),
      type: buffer[at + 18],
      name: name.slice(0, name.indexOf("\0")),
    });
    at += length;
  }
  return entries;
}
