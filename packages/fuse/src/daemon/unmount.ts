/**
 * Unmounts one mount, and no other:
 *
 *     node unmount.ts DEVICE NAME PATH
 *
 * NAME is the mount point's name in the directory that is open as PARENT_DESCRIPTOR: other users may have renamed
 * directories of its path. DEVICE is the device number that the topmost mount there must have. PATH is for messages, and
 * for fusermount3, by which an ordinary user unmounts. Errors are written to standard output.
 */
import { writeSync } from "node:fs";
import { Directory, escapeText, messageOf, programArguments } from "@puzzlefs/linux";
import { unmountBelow } from "../mount/mount.ts";
import { PARENT_DESCRIPTOR } from "./unmounter.ts";

const [device, name, path] = programArguments() as [string, string, string];
try {
  using parent = new Directory(PARENT_DESCRIPTOR, path);
  await unmountBelow(parent, name, path, { lazy: true, device });
} catch (error) {
  writeSync(1, `${escapeText(messageOf(error))}\n`);
  process.exitCode = 1;
}
