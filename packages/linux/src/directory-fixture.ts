import { constants, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";

/** A directory of this test file's own, removed at the end. */
export const directory = temporaryDirectory();

export const root = process.getuid?.() === 0;

/** A name that is no UTF-8, with a newline. */
export const odd = Buffer.from([0x61, 0xff, 0x0a, 0xfe]);

let count = 0;

/** A fresh directory, a descriptor of it, and the paths of its children. */
export function fresh(): { path: string; fd: number; child: (name: Uint8Array | string) => Buffer } {
  const path = join(directory, `${count++}`);
  mkdirSync(path);
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  return { path, fd, child: (name) => Buffer.concat([Buffer.from(`${path}/`), Buffer.from(name)]) };
}
