/** inotify(7), for the end of a file system. */
import { readSync } from "node:fs";
import { endianness } from "node:os";
import { close } from "./descriptors.ts";
import { bind, check, watch } from "./library.ts";
import { O_CLOEXEC } from "./open-flags.ts";
import { nulTerminated } from "./paths.ts";
import { withWorkingDirectory } from "./privileges.ts";

const IN_DELETE_SELF = 0x400;
/** Delivered whatever was asked for. */
const IN_UNMOUNT = 0x2000;
/** struct inotify_event: s32 watch, u32 mask, u32 cookie, u32 length; of a watched directory itself there is no name. */
const EVENT_BYTES = 16;

const inotifyInit = bind("int inotify_init1(int flags)");
const inotifyAdd = bind("int inotify_add_watch(int fd, const void *path, uint32_t mask)");

/**
 * A descriptor that becomes readable when the file system of an opened directory (O_PATH will do) ends: when no mount of it is left in any
 * namespace, none below an overlay, and no file of it is open. Watching does not keep it from that.
 */
export function unmountDescriptor(directory: number): number {
  const descriptor = check(inotifyInit(O_CLOEXEC), "inotify_init1");
  const result = withWorkingDirectory(directory, () => inotifyAdd(descriptor, nulTerminated("."), IN_DELETE_SELF));
  if (result < 0) close(descriptor);
  check(result, "inotify_add_watch");
  return descriptor;
}

/** Calls back at the end of the file system. */
export function watchUnmount(descriptor: number, callback: () => void): { close(): void } {
  const event = Buffer.alloc(EVENT_BYTES);
  return watch(descriptor, () => {
    readSync(descriptor, event);
    const mask = endianness() === "LE" ? event.readUInt32LE(4) : event.readUInt32BE(4);
    if ((mask & IN_UNMOUNT) !== 0) callback();
  });
}
