import { makedev } from "@puzzlefs/linux";
import type { Attributes } from "@puzzlefs/reader";
import * as abi from "./abi.ts";
import { MessageBuffer } from "./message-buffer.ts";

/** Most bytes that one READ may ask for: 256 pages, the kernel's own limit unless fs.fuse.max_pages_limit is raised. */
export const MAX_READ_BYTES = 256 * 4096;

/** How long the kernel may cache names and attributes, seconds: ten years, as an image never changes. */
const CACHE_SECONDS = 10 * 365 * 86400;

const BLOCK = 512;
const PREFERRED_IO = 4096;

/** Overrides of the image's owners, from the mount options uid= and gid=. */
export interface Owner {
  uid: number | undefined;
  gid: number | undefined;
}

/** Memory for the largest reply. */
export function replyBuffer(): MessageBuffer {
  return new MessageBuffer(abi.OUT_HEADER_SIZE + MAX_READ_BYTES);
}

/**
 * Assembles one reply in place, header first, so that it goes out in a single write. `payload` is where the body
 * starts; READ has the tree fill it directly.
 */
export class Reply {
  readonly buffer: MessageBuffer;
  readonly owner: Owner;
  /** Most bytes that a body can have. */
  readonly capacity = MAX_READ_BYTES;
  #view: Uint8Array;

  /** @param buffer of replyBuffer(), where several sessions of one thread share it */
  constructor(owner: Owner = { uid: undefined, gid: undefined }, buffer = replyBuffer()) {
    this.owner = owner;
    this.buffer = buffer;
    this.#view = this.buffer.bytes.subarray(abi.OUT_HEADER_SIZE);
  }

  /** The first `size` bytes of the body, to be filled by the caller. */
  payload(size: number): Uint8Array {
    // Reads come in few sizes: most find the view of the last one.
    if (this.#view.length !== size) {
      this.#view = this.buffer.bytes.subarray(abi.OUT_HEADER_SIZE, abi.OUT_HEADER_SIZE + size);
    }
    return this.#view;
  }

  /** Writes the header for a body of `size` bytes and returns the length of the whole. */
  finish(size: number, error: number, unique: MessageBuffer): number {
    const length = abi.OUT_HEADER_SIZE + size;
    this.buffer.put32(abi.outHeader.len, length);
    this.buffer.put32(abi.outHeader.error, -error);
    this.buffer.copy64(abi.outHeader.unique, unique, abi.inHeader.unique);
    return length;
  }

  /** Body of LOOKUP: the entry and its attributes. Returns its size, as do the others below. */
  entry(attributes: Attributes): number {
    this.entryAt(abi.OUT_HEADER_SIZE, attributes);
    return abi.ENTRY_OUT_SIZE;
  }

  /** Body of LOOKUP for a name that is not there, which the kernel then remembers. */
  negativeEntry(): number {
    const at = abi.OUT_HEADER_SIZE;
    this.buffer.zero(at, at + abi.ENTRY_OUT_SIZE);
    this.buffer.put64(at + abi.entryOut.entry_valid, CACHE_SECONDS);
    return abi.ENTRY_OUT_SIZE;
  }

  attributes(attributes: Attributes): number {
    const at = abi.OUT_HEADER_SIZE;
    this.buffer.put64(at + abi.attrOut.attr_valid, CACHE_SECONDS);
    this.buffer.put64(at + abi.attrOut.attr_valid_nsec, 0);
    this.#attributesAt(at + abi.ATTR_OUT_SIZE - abi.ATTR_SIZE, attributes);
    return abi.ATTR_OUT_SIZE;
  }

  data(bytes: Uint8Array): number {
    this.buffer.bytes.set(bytes, abi.OUT_HEADER_SIZE);
    return bytes.length;
  }

  /** Answer to GETXATTR or LISTXATTR with size 0. */
  xattrSize(size: number): number {
    this.buffer.put32(abi.OUT_HEADER_SIZE + abi.getxattrOut.size, size);
    this.buffer.put32(abi.OUT_HEADER_SIZE + abi.getxattrOut.padding, 0);
    return abi.GETXATTR_OUT_SIZE;
  }

  /** Answer to LSEEK. */
  offset(offset: number): number {
    this.buffer.put64(abi.OUT_HEADER_SIZE + abi.lseekOut.offset, offset);
    return abi.LSEEK_OUT_SIZE;
  }

  /** A full, read-only file system: nothing free. */
  statfs(contentBytes: number, inodes: number): number {
    const at = abi.OUT_HEADER_SIZE;
    this.buffer.zero(at, at + abi.STATFS_OUT_SIZE);
    this.buffer.put64(at + abi.statfsOut.blocks, Math.ceil(contentBytes / PREFERRED_IO));
    this.buffer.put64(at + abi.statfsOut.files, inodes);
    this.buffer.put32(at + abi.statfsOut.bsize, PREFERRED_IO);
    this.buffer.put32(at + abi.statfsOut.frsize, PREFERRED_IO);
    this.buffer.put32(at + abi.statfsOut.namelen, 255);
    return abi.STATFS_OUT_SIZE;
  }

  entryAt(at: number, attributes: Attributes): void {
    const buffer = this.buffer;
    buffer.put64(at + abi.entryOut.nodeid, attributes.ino);
    // An inode number is never given to another inode while mounted, so one generation does.
    buffer.put64(at + abi.entryOut.generation, 0);
    buffer.put64(at + abi.entryOut.entry_valid, CACHE_SECONDS);
    buffer.put64(at + abi.entryOut.attr_valid, CACHE_SECONDS);
    buffer.put64(at + abi.entryOut.entry_valid_nsec, 0);
    this.#attributesAt(at + abi.ENTRY_OUT_SIZE - abi.ATTR_SIZE, attributes);
  }

  #attributesAt(at: number, from: Attributes): void {
    const buffer = this.buffer;
    buffer.put64(at + abi.attr.ino, from.ino);
    buffer.put64(at + abi.attr.size, from.size);
    buffer.put64(at + abi.attr.blocks, from.kind === "file" ? Math.ceil((from.dataSize ?? from.size) / BLOCK) : 0);
    buffer.put64(at + abi.attr.atime, from.mtimeSeconds);
    buffer.put64(at + abi.attr.mtime, from.mtimeSeconds);
    buffer.put64(at + abi.attr.ctime, from.mtimeSeconds);
    buffer.put32(at + abi.attr.atimensec, from.mtimeNanoseconds);
    buffer.put32(at + abi.attr.mtimensec, from.mtimeNanoseconds);
    buffer.put32(at + abi.attr.ctimensec, from.mtimeNanoseconds);
    buffer.put32(at + abi.attr.mode, from.mode);
    buffer.put32(at + abi.attr.nlink, from.nlink);
    buffer.put32(at + abi.attr.uid, this.owner.uid ?? from.uid);
    buffer.put32(at + abi.attr.gid, this.owner.gid ?? from.gid);
    buffer.put32(at + abi.attr.rdev, makedev(from.major, from.minor));
    buffer.put32(at + abi.attr.blksize, PREFERRED_IO);
    buffer.put32(at + abi.attr.flags, 0);
  }
}
