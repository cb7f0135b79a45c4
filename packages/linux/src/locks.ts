import { constants, readSync } from "node:fs";
import { close } from "./descriptors.ts";
import { hasCode } from "./errors.ts";
import { FileStatus } from "./file-status.ts";
import { openNamed } from "./named-path.ts";

/** A line of /proc/locks for a lock of flock(2) that is held: process, device (hex), inode. */
const HELD = /^\d+: FLOCK +ADVISORY +WRITE (\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) /gm;
const LIMIT = 1 << 20;

/**
 * The process that holds an exclusive flock(2) on the file that is open as `descriptor`. Undefined where the kernel does
 * not show it: without /proc, in another pid namespace, and on btrfs, whose device numbers differ there.
 */
export function lockHolder(descriptor: number): number | undefined {
  const status = new FileStatus();
  status.readDescriptor(descriptor);
  const [major, minor] = status.deviceNumbers;
  for (const [, process, ...file] of locks().matchAll(HELD)) {
    const isHere = Number.parseInt(file[0], 16) === major && Number.parseInt(file[1], 16) === minor;
    if (isHere && file[2] === status.inode && process !== "0") return Number(process);
  }
  return undefined;
}

function locks(): string {
  let file: number;
  try {
    file = openNamed("/proc/locks", constants.O_RDONLY);
  } catch (error) {
    if (hasCode(error, "ENOENT", "EACCES")) return "";
    throw error;
  }
  try {
    const text = Buffer.alloc(LIMIT);
    let length = 0;
    for (let count = 1; count > 0 && length < LIMIT; length += count)
      count = readSync(file, text, length, LIMIT - length, null);
    return text.toString("latin1", 0, length);
  } finally {
    close(file);
  }
}
