/** Permission events of fanotify(7): each open(2) of a file waits until a process allows it. */
import { constants, readSync, writeSync } from "node:fs";
import { endianness } from "node:os";
import { close } from "./descriptors.ts";
import { hasCode, isSystemError } from "./errors.ts";
import { bind, check, watch } from "./library.ts";
import { O_CLOEXEC } from "./open-flags.ts";
import { nulTerminated } from "./paths.ts";

const FAN_CLOEXEC = 1;
const FAN_NONBLOCK = 2;
const FAN_CLASS_CONTENT = 4;
/** Each event is a process that waits: there are no more than processes. */
const FAN_UNLIMITED_QUEUE = 0x10;
const FAN_MARK_ADD = 1;
const FAN_MARK_FILESYSTEM = 0x100;
/** Of execve(2) too, before FAN_OPEN_EXEC_PERM. Without FAN_ONDIR not of directories. */
const FAN_OPEN_PERM = 0x10000;
const FAN_ALLOW = 1;

/** The version of struct fanotify_event_metadata, the same since Linux 2.6.37. */
const VERSION = 3;
/** struct fanotify_event_metadata: u32 length, u8 version, u8, u16 length of this, u64 mask, s32 fd, s32 pid. */
const EVENT_BYTES = 24;
/** struct fanotify_response: s32 fd, u32 answer. */
const RESPONSE_BYTES = 8;
const EVENTS_AT_ONCE = 32;

const isLittle = endianness() === "LE";

const fanotifyInit = bind("int fanotify_init(unsigned int flags, unsigned int event_flags)");
const fanotifyMark = bind(
  "int fanotify_mark(int group, unsigned int flags, uint64_t mask, int dirfd, const void *path)",
);

/**
 * The opens of marked file systems, which wait. Making it and marking need CAP_SYS_ADMIN of the machine, reading does not. When the last
 * descriptor of the group is closed, all that wait go on.
 */
export class OpenEvents implements Disposable {
  readonly descriptor: number;
  readonly #buffer = Buffer.alloc(EVENT_BYTES * EVENTS_AT_ONCE);

  /** @param descriptor of a group, which it owns from then on */
  constructor(descriptor: number) {
    this.descriptor = descriptor;
  }

  /** Throws SystemError: EPERM, ENOSYS. */
  static create(): OpenEvents {
    // O_NONBLOCK: the kernel opens the file for this process too, and that must not wait for the other end of a fifo.
    const files = constants.O_RDONLY | constants.O_NONBLOCK | O_CLOEXEC;
    const flags = FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE;
    return new OpenEvents(check(fanotifyInit(flags, files), "fanotify_init"));
  }

  /** Has the opens of files of the file system wait that an opened directory (O_PATH will do) is in. Throws SystemError: EINVAL where kernels have no permission events. */
  mark(directory: number): void {
    const flags = FAN_MARK_ADD | FAN_MARK_FILESYSTEM;
    check(fanotifyMark(this.descriptor, flags, FAN_OPEN_PERM, directory, nulTerminated(".")), "fanotify_mark");
  }

  /** Calls back whenever there is something to read. */
  watch(callback: () => void): { close(): void } {
    return watch(this.descriptor, callback);
  }

  /** Descriptors of files whose opens wait, for allow(). Empty if there are none now. */
  read(): number[] {
    let length: number;
    try {
      length = readSync(this.descriptor, this.#buffer);
    } catch (error) {
      // EAGAIN; or the first file could not be opened for this process, and its open has been denied.
      if (isSystemError(error)) return [];
      throw error;
    }
    const files: number[] = [];
    for (let at = 0; at + EVENT_BYTES <= length;) {
      const event = new DataView(this.#buffer.buffer, this.#buffer.byteOffset + at, EVENT_BYTES);
      const size = event.getUint32(0, isLittle);
      if (event.getUint8(4) !== VERSION || size < EVENT_BYTES) throw new Error("fanotify: events of another version");
      const file = event.getInt32(16, isLittle);
      if (file >= 0) files.push(file);
      at += size;
    }
    return files;
  }

  /** Lets an open go on, and closes its descriptor. */
  allow(file: number): void {
    const response = new DataView(new ArrayBuffer(RESPONSE_BYTES));
    response.setInt32(0, file, isLittle);
    response.setUint32(4, FAN_ALLOW, isLittle);
    try {
      writeSync(this.descriptor, new Uint8Array(response.buffer));
    } catch (error) {
      // Its process was killed while it waited.
      if (!hasCode(error, "ENOENT")) throw error;
    } finally {
      // Only now: the answer is for the descriptor's number.
      close(file);
    }
  }

  [Symbol.dispose](): void {
    close(this.descriptor);
  }
}
