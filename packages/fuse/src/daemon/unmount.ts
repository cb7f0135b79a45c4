/**
 * Unmounts one mount, and no other:
 *
 *     node unmount.ts DEVICE NAME PATH
 *
 * NAME is the mount point's name in the directory that is open as descriptor PARENT_DESCRIPTOR, where other users may have
 * renamed what leads to it; DEVICE is the number of what must be mounted there, on top. PATH is for messages, and for
 * fusermount3, by which an ordinary user unmounts. What is wrong goes to standard output.
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
