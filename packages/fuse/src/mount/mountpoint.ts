import { constants } from "node:fs";
import { close, errorCode, FileStatus, O_PATH, openNamed, realPathOf, reasonOf } from "@puzzlefs/linux";
import { MountError } from "./errors.ts";

/** A mount point, opened once: later another directory may have its name. */
export class Mountpoint {
  /** O_PATH. */
  readonly descriptor: number;
  /** Its real path at the time when it was opened. */
  readonly path: string;

  constructor(descriptor: number, path: string) {
    this.descriptor = descriptor;
    this.path = path;
  }

  [Symbol.dispose](): void {
    close(this.descriptor);
  }
}

/** Opens a mount point. Throws MountError unless it is a directory on which something can be mounted. */
export function checkMountpoint(path: string): Mountpoint {
  let descriptor: number | undefined;
  try {
    descriptor = openNamed(path, O_PATH | constants.O_DIRECTORY);
    // ENOTCONN for a mount whose server is dead: open(2) with O_PATH does not notice that.
    new FileStatus().readDescriptor(descriptor);
    return new Mountpoint(descriptor, realPathOf(descriptor, path));
  } catch (error) {
    if (descriptor !== undefined) close(descriptor);
    const code = errorCode(error);
    const reason = REASONS.get(code ?? "") ?? reasonOf(error);
    throw new MountError(`${path}: ${reason}`, code);
  }
}

const REASONS = new Map([
  ["ENOENT", "no such directory"],
  ["ENOTDIR", "not a directory"],
  ["ENOTCONN", "a dead mount is in the way (its daemon was killed); unmount it first"],
]);
