import { type CallName, callNumbers, errorName } from "./calls.ts";
import type { Argument, Environment, Memory } from "./environment.ts";
import { littleEndian, u16, u32, u64, u8 } from "./little-endian.ts";
import { type Kind, kindOf } from "./modes.ts";
import { parseStatus, type Status, STATUS_SIZE } from "./status.ts";

/** A system call that failed. */
export class SystemFailure extends Error {
  /** "ENOENT" */
  readonly code: string;

  constructor(call: string, code: string, path: string) {
    super(`${call} ${path}: ${code}`);
    this.code = code;
  }
}

/** A directory entry as getdents64(2) returns it. */
export interface RawEntry {
  /** 8 bytes, as Status.ino. */
  ino: string;
  /** Position just after this entry, 8 bytes. */
  next: string;
  /** "unknown": there is no d_type. */
  kind: Kind | "unknown";
  name: string;
}

export interface FileSystemStatus {
  blockSize: number;
  blocks: number;
  free: number;
  available: number;
  files: number;
  freeFiles: number;
  nameLength: number;
}

export const AT_FDCWD = -100;
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_CREAT = 0o100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EACCESS = 0x200;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
const PROT_READ = 1;
const MAP_PRIVATE = 2;
const NOBODY = 65534;
const CAPABILITIES_V3 = 0x20080522;

/** System calls by name. They throw a SystemFailure; paths and names are byte strings. */
export class System {
  readonly environment: Environment;
  private readonly large: Memory;
  private readonly largeSize = 1048576;

  constructor(environment: Environment) {
    this.environment = environment;
    this.large = environment.memory(this.largeSize);
  }

  /** A call's result, or minus errno. */
  raw(name: CallName, ...values: Argument[]): number {
    const [x64, arm64] = callNumbers[name];
    return this.environment.call(this.environment.processor === "x64" ? x64 : arm64, ...values);
  }

  call(name: CallName, path: string, ...values: Argument[]): number {
    const result = this.raw(name, ...values);
    if (result < 0) throw new SystemFailure(name, errorName(-result), path);
    return result;
  }

  open(path: string, flags = O_RDONLY): number {
    return this.call("openat", path, AT_FDCWD, path, flags, 0o644);
  }

  openAt(directory: number, name: string, flags = O_RDONLY): number {
    return this.call("openat", name, directory, name, flags, 0o644);
  }

  close(descriptor: number): void {
    this.raw("close", descriptor);
  }

  /** At most 1 MiB at once; less at the end of the file. */
  pread(descriptor: number, offset: number, length: number): string {
    const count = this.readInto(this.large, descriptor, offset, Math.min(length, this.largeSize));
    return this.environment.bytes(this.large, 0, count);
  }

  readInto(memory: Memory, descriptor: number, offset: number, length: number): number {
    return this.call("pread64", `descriptor ${descriptor}`, descriptor, memory, length, offset);
  }

  /** A whole file. */
  readFile(path: string): string {
    const descriptor = this.open(path);
    let content = "";
    for (;;) {
      const piece = this.pread(descriptor, content.length, this.largeSize);
      if (piece.length === 0) break;
      content += piece;
    }
    this.close(descriptor);
    return content;
  }

  /** Hex sha256 of an open file, read from its start to its end. */
  sha256(descriptor: number): string {
    const hash = this.environment.sha256();
    for (let offset = 0; ;) {
      const count = this.readInto(this.large, descriptor, offset, this.largeSize);
      if (count === 0) return hash.digest();
      hash.update(this.large, count);
      offset += count;
    }
  }

  /** Of the name itself, unless `follow`. */
  status(path: string, follow = false): Status {
    return this.statusAt(AT_FDCWD, path, follow);
  }

  statusAt(directory: number, name: string, follow = false): Status {
    return this.statusAtFlags(directory, name, follow ? 0 : AT_SYMLINK_NOFOLLOW);
  }

  private statusAtFlags(directory: number, name: string, flags: number): Status {
    this.call("statx", name, directory, name, flags, STATX_BASIC_STATS, this.large);
    return parseStatus(this.environment.bytes(this.large, 0, STATUS_SIZE));
  }

  /** Of an open file. */
  statusOf(descriptor: number): Status {
    return this.statusAtFlags(descriptor, "", AT_EMPTY_PATH);
  }

  readlink(path: string): string {
    return this.readlinkAt(AT_FDCWD, path);
  }

  readlinkAt(directory: number, name: string): string {
    const length = this.call("readlinkat", name, directory, name, this.large, this.largeSize);
    return this.environment.bytes(this.large, 0, length);
  }

  /** The next entries, in at most `room` bytes; none at the end. */
  entries(directory: number, room = 32768): RawEntry[] {
    const memory = room > this.largeSize ? this.environment.memory(room) : this.large;
    const length = this.call("getdents64", `descriptor ${directory}`, directory, memory, room);
    const bytes = this.environment.bytes(memory, 0, length);
    const entries: RawEntry[] = [];
    for (let at = 0; at < length;) {
      const size = u16(bytes, at + 16);
      const name = bytes.slice(at + 19, at + size);
      entries.push({
        ino: bytes.slice(at, at + 8),
        next: bytes.slice(at + 8, at + 16),
        kind: u8(bytes, at + 18) === 0 ? "unknown" : kindOf(u8(bytes, at + 18)),
        name: name.slice(0, name.indexOf("\0")),
      });
      at += size;
    }
    return entries;
  }

  /** All entries of a directory, "." and ".." among them. */
  list(path: string, room?: number): RawEntry[] {
    const directory = this.open(path);
    const all: RawEntry[] = [];
    for (;;) {
      const more = this.entries(directory, room);
      if (more.length === 0) break;
      for (const entry of more) all.push(entry);
    }
    this.close(directory);
    return all;
  }

  /** Seeks to an entry's `next`. */
  seek(directory: number, position: string): void {
    this.call("lseek", `descriptor ${directory}`, directory, this.environment.wide(position), 0);
  }

  /** Names of extended attributes, of the name itself. */
  xattrNames(path: string): string[] {
    const length = this.call("llistxattr", path, path, this.large, 65536);
    const names = this.environment.bytes(this.large, 0, length).split("\0");
    return names.filter((name) => name !== "");
  }

  xattr(path: string, name: string, room = 65536): string {
    const length = this.call("lgetxattr", path, path, name, this.large, room);
    return this.environment.bytes(this.large, 0, length);
  }

  /** Asks for the size only. */
  xattrSize(path: string, name: string): number {
    return this.call("lgetxattr", path, path, name, undefined, 0);
  }

  statfs(path: string): FileSystemStatus {
    this.call("statfs", path, path, this.large);
    const bytes = this.environment.bytes(this.large, 0, 120);
    return {
      blockSize: u64(bytes, 8),
      blocks: u64(bytes, 16),
      free: u64(bytes, 24),
      available: u64(bytes, 32),
      files: u64(bytes, 40),
      freeFiles: u64(bytes, 48),
      nameLength: u64(bytes, 64),
    };
  }

  /** Maps a whole file for reading and returns its address; the mapping stays. */
  map(descriptor: number, length: number): number {
    return this.call("mmap", `descriptor ${descriptor}`, undefined, length, PROT_READ, MAP_PRIVATE, descriptor, 0);
  }

  /** Whether the bytes that lie at an address are these. */
  mappedEquals(address: number, bytes: string): boolean {
    return this.environment.equal(address, bytes);
  }

  unmap(address: number, length: number): void {
    this.raw("munmap", address, length);
  }

  /** Whether the caller may (4 read, 2 write, 1 execute), by the identity that system calls use. */
  access(path: string, wanted: number): void {
    this.call("faccessat2", path, AT_FDCWD, path, wanted, AT_EACCESS);
  }

  /**
   * Does something with the rights of the user `nobody`: file system identity and capabilities of this one thread, so
   * that no other program is needed. Needs root.
   */
  asNobody<T>(action: () => T): T {
    const { environment } = this;
    const header = environment.memory(8);
    const before = environment.memory(24);
    environment.put(header, 0, littleEndian(CAPABILITIES_V3, 4));
    this.call("capget", "", header, before);
    // Effective, permitted, inheritable, twice: what is permitted stays, to come back to.
    const permitted = environment.bytes(before, 4, 4);
    const permittedHigh = environment.bytes(before, 16, 4);
    const none = environment.memory(24);
    environment.put(none, 4, permitted);
    environment.put(none, 16, permittedHigh);
    this.raw("setfsgid", NOBODY);
    this.raw("setfsuid", NOBODY);
    this.call("capset", "", header, none);
    try {
      return action();
    } finally {
      this.call("capset", "", header, before);
      this.raw("setfsuid", 0);
      this.raw("setfsgid", 0);
      this.call("capset", "", header, before);
    }
  }

  /** Handle of a path for openByHandle, and what else openByHandle needs. @throws EOPNOTSUPP */
  handle(path: string): Memory {
    const room = 128;
    const handle = this.environment.memory(8 + room);
    this.environment.put(handle, 0, littleEndian(room, 4));
    this.call("name_to_handle_at", path, AT_FDCWD, path, handle, this.large, 0);
    return handle;
  }

  /** The bytes of a handle: length, type, and what the file system wrote. */
  handleBytes(handle: Memory): string {
    const length = u32(this.environment.bytes(handle, 0, 4), 0);
    return this.environment.bytes(handle, 0, 8 + length);
  }

  /** @param mount descriptor of anything on the file system */
  openByHandle(mount: number, handle: Memory, flags = O_RDONLY): number {
    return this.call("open_by_handle_at", "handle", mount, handle, flags);
  }
}
