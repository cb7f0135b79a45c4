import type { Attributes } from "@puzzlefs/reader";
import * as abi from "./abi.ts";
import type { Reply } from "./reply.ts";

/** Appends directory entries to a reply, up to the size that the kernel asked for. */
export class DirentWriter {
  readonly #reply: Reply;
  #end = 0;
  #at = 0;

  constructor(reply: Reply) {
    this.#reply = reply;
  }

  /** Starts a body of at most `room` bytes. */
  start(room: number): void {
    this.#at = abi.OUT_HEADER_SIZE;
    this.#end = abi.OUT_HEADER_SIZE + room;
  }

  /** Bytes appended so far. */
  get size(): number {
    return this.#at - abi.OUT_HEADER_SIZE;
  }

  /**
   * READDIR's entry. Returns false, appending nothing, if it does not fit.
   * @param next offset from which a later READDIR goes on after this entry
   * @param type d_type: the S_IFMT bits of the mode shifted right by 12
   */
  append(ino: number, next: number, type: number, name: Uint8Array): boolean {
    const length = paddedLength(name);
    if (this.#at + length > this.#end) return false;
    this.#dirent(ino, next, type, name);
    return true;
  }

  /** READDIRPLUS's entry: preceded by what LOOKUP would reply. */
  appendPlus(attributes: Attributes, next: number, name: Uint8Array): boolean {
    const length = abi.ENTRY_OUT_SIZE + paddedLength(name);
    if (this.#at + length > this.#end) return false;
    this.#reply.entryAt(this.#at, attributes);
    this.#at += abi.ENTRY_OUT_SIZE;
    this.#dirent(attributes.ino, next, attributes.mode >>> 12, name);
    return true;
  }

  /** READDIRPLUS's entry without attributes: with node id 0 the kernel makes no inode, and sends a LOOKUP if it needs one. */
  appendBare(ino: number, next: number, type: number, name: Uint8Array): boolean {
    const length = abi.ENTRY_OUT_SIZE + paddedLength(name);
    if (this.#at + length > this.#end) return false;
    this.#reply.buffer.zero(this.#at, this.#at + abi.ENTRY_OUT_SIZE);
    this.#at += abi.ENTRY_OUT_SIZE;
    this.#dirent(ino, next, type, name);
    return true;
  }

  #dirent(ino: number, next: number, type: number, name: Uint8Array): void {
    const buffer = this.#reply.buffer;
    const at = this.#at;
    const end = at + paddedLength(name);
    buffer.put64(at + abi.dirent.ino, ino);
    buffer.put64(at + abi.dirent.off, next);
    buffer.put32(at + abi.dirent.namelen, name.length);
    buffer.put32(at + abi.dirent.type, type);
    // The padding after the name must not show the last reply's bytes.
    buffer.put64(end - 8, 0);
    buffer.bytes.set(name, at + abi.DIRENT_SIZE);
    this.#at = end;
  }
}

function paddedLength(name: Uint8Array): number {
  return (abi.DIRENT_SIZE + name.length + 7) & ~7;
}
