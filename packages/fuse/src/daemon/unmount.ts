/**
 * Unmounts one mount, and no other; or the first mount of each device:
 *
 *     node unmount.ts DEVICE NAME PATH
 *     node unmount.ts [DEVICE]…
 *
 * NAME is the mount point's name in the directory that is open as PARENT_DESCRIPTOR: other users may have renamed
 * directories of its path. DEVICE is the device number that the topmost mount there must have. PATH is for messages, and
 * for fusermount3, by which an ordinary user unmounts. Errors are written to standard output.
 */
import { writeSync } from "node:fs";
import { basename, dirname } from "node:path";
import { Directory, escapeText, messageOf, programArguments } from "@puzzlefs/linux";
import { unmountBelow } from "../mount/mount.ts";
import { isOurs, listMounts } from "../mount/mountinfo.ts";
import { PARENT_DESCRIPTOR } from "./unmounter.ts";

/** Errors of one do not keep the others mounted. */
async function unmountDevices(devices: readonly string[]): Promise<void> {
  for (const device of devices) {
    const mount = listMounts().find((entry) => entry.device === device && isOurs(entry));
    if (mount === undefined) continue;
    try {
      using parent = Directory.open(dirname(mount.mountpoint));
      await unmountBelow(parent, basename(mount.mountpoint), mount.mountpoint, { lazy: true, device });
    } catch (error) {
      complain(error);
    }
  }
}

function complain(error: unknown): void {
  writeSync(1, `${escapeText(messageOf(error))}\n`);
  process.exitCode = 1;
}

const given = programArguments();
const isDevice = (argument: string): boolean => /^\d+:\d+$/.test(argument);
if (given.every(isDevice)) await unmountDevices(given);
else {
  const [device, name, path] = given as [string, string, string];
  try {
    using parent = new Directory(PARENT_DESCRIPTOR, path);
    await unmountBelow(parent, name, path, { lazy: true, device });
  } catch (error) {
    complain(error);
  }
}
