import { IN_HEADER_SIZE, inHeader, initIn, lseekIn, readIn, getxattrIn, GETXATTR_IN_SIZE } from "./abi.ts";
import { MessageBuffer } from "./message-buffer.ts";

/** Bytes of the request buffer. The kernel demands 8 KiB at least; more lets one BATCH_FORGET carry thousands. */
export const REQUEST_BYTES = 65536;

/**
 * The request in the session's one request buffer. Its getters read the buffer, so they are only good until the next
 * request is read into it; the same holds for the byte views that it returns.
 */
export class Request {
  readonly buffer: MessageBuffer;
  /** Bytes that the kernel wrote. */
  length = 0;

  /** @param buffer of REQUEST_BYTES, for a request in memory that processes share */
  constructor(buffer = new MessageBuffer(REQUEST_BYTES)) {
    this.buffer = buffer;
  }

  /** Whether the header is whole and agrees with the number of bytes read. */
  get wellFormed(): boolean {
    return this.length >= IN_HEADER_SIZE && this.buffer.get32(inHeader.len) === this.length;
  }

  get opcode(): number {
    return this.buffer.get32(inHeader.opcode);
  }

  get unique(): number {
    return this.buffer.get64(inHeader.unique);
  }

  /** The inode concerned; node ids are inode numbers. */
  get node(): number {
    return this.buffer.get64(inHeader.nodeid);
  }

  get uid(): number {
    return this.buffer.get32(inHeader.uid);
  }

  get gid(): number {
    return this.buffer.get32(inHeader.gid);
  }

  get pid(): number {
    return this.buffer.get32(inHeader.pid);
  }

  /** LOOKUP's name. */
  get name(): Uint8Array {
    return this.#stringAt(IN_HEADER_SIZE);
  }

  /** READ, READDIR, READDIRPLUS: where to start, bytes or cookie. */
  get readOffset(): number {
    return this.buffer.get64(IN_HEADER_SIZE + readIn.offset);
  }

  /** READ, READDIR, READDIRPLUS: bytes wanted. */
  get readSize(): number {
    return this.buffer.get32(IN_HEADER_SIZE + readIn.size);
  }

  /** LSEEK: where to start, bytes. */
  get seekOffset(): number {
    return this.buffer.get64(IN_HEADER_SIZE + lseekIn.offset);
  }

  /** LSEEK: SEEK_DATA or SEEK_HOLE. */
  get seekWhence(): number {
    return this.buffer.get32(IN_HEADER_SIZE + lseekIn.whence);
  }

  /** GETXATTR, LISTXATTR: room for the value, bytes; 0 asks for its size. */
  get xattrSize(): number {
    return this.buffer.get32(IN_HEADER_SIZE + getxattrIn.size);
  }

  /** INTERRUPT: the unique number of the request that is no longer wanted. */
  get interrupted(): number {
    return this.buffer.get64(IN_HEADER_SIZE);
  }

  get xattrName(): Uint8Array {
    return this.#stringAt(IN_HEADER_SIZE + GETXATTR_IN_SIZE);
  }

  get initMajor(): number {
    return this.buffer.get32(IN_HEADER_SIZE + initIn.major);
  }

  get initMinor(): number {
    return this.buffer.get32(IN_HEADER_SIZE + initIn.minor);
  }

  get initMaxReadahead(): number {
    return this.buffer.get32(IN_HEADER_SIZE + initIn.max_readahead);
  }

  get initFlags(): number {
    return this.buffer.get32(IN_HEADER_SIZE + initIn.flags);
  }

  /** Zero from kernels older than 7.36, whose INIT ends before it. */
  get initFlags2(): number {
    const at = IN_HEADER_SIZE + initIn.flags2;
    return this.length >= at + 4 ? this.buffer.get32(at) : 0;
  }

  /** Up to the first NUL, or to the end of the request should there be none. */
  #stringAt(start: number): Uint8Array {
    const bytes = this.buffer.bytes;
    let end = start;
    while (end < this.length && bytes[end] !== 0) end++;
    return bytes.subarray(start, end);
  }
}
