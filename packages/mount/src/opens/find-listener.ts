import { readFileSync } from "node:fs";
import type { MountEntry } from "@puzzlefs/fuse";
import { Directory, hasCode } from "@puzzlefs/linux";
import { EVENTS_DESCRIPTOR } from "./order.ts";

const LISTENER = "puzzlefs listen ";

/**
 * Whether a process of this pid namespace has opens in a mounted file system wait, by what the kernel lists of its descriptor: titles of
 * processes can be anything.
 */
export function hasListener({ device }: Pick<MountEntry, "device">): boolean {
  using proc = Directory.open("/proc");
  const marks = new RegExp(`^fanotify sdev:${numberOf(device)} `, "m");
  return proc
    .names()
    .some(
      (name) =>
        /^\d+$/.test(name) &&
        textOf(`/proc/${name}/cmdline`).startsWith(LISTENER) &&
        marks.test(textOf(`/proc/${name}/fdinfo/${EVENTS_DESCRIPTOR}`)),
    );
}

/** The kernel's own number of a device, hexadecimal. */
function numberOf(device: string): string {
  const [major = 0, minor = 0] = device.split(":").map(Number);
  return (major * 2 ** 20 + minor).toString(16);
}

/** Empty for a process that has ended, or has no such descriptor. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    if (hasCode(error, "ENOENT", "ESRCH", "EACCES", "EPERM")) return "";
    throw error;
  }
}
