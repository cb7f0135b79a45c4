import { writeFileSync } from "node:fs";
import { findMount } from "./mountinfo.ts";

/** KiB. Twice this reads no faster, and a page fault in a mapped file reads as much around it, wanted or not. */
const READ_AHEAD = 512;

/**
 * Raises the mount's readahead from the kernel's 128 KiB, which INIT can only lower. Only root may; for others nothing
 * happens, and reads come in 128 KiB pieces.
 */
export function raiseReadAhead(mountpoint: string, kibibytes = READ_AHEAD): void {
  try {
    const device = findMount(mountpoint)?.device;
    if (device === undefined) return;
    writeFileSync(`/sys/class/bdi/${device}/read_ahead_kb`, String(kibibytes));
  } catch {
    // No permission, or no sysfs or /proc here: slower, not wrong.
  }
}
