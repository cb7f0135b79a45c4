import { printable } from "@puzzlefs/linux";
import { hostXattrReason } from "@puzzlefs/reader";

import type { Omissions } from "./omissions.ts";

/** Decides which extended attributes an image gets, and records those that it does not get. */
export class XattrPolicy {
  #keepSelinux: boolean;
  #omissions: Omissions;

  constructor(keepSelinux: boolean, omissions: Omissions) {
    this.#keepSelinux = keepSelinux;
    this.#omissions = omissions;
  }

  /** @param path of the file, latin1 */
  accepts(name: Buffer, path: string): boolean {
    const why = hostXattrReason(name);
    if (why === undefined) return true;
    const isLabel = name.toString("latin1") === "security.selinux";
    if (isLabel && this.#keepSelinux) return true;
    this.#omissions.add(printable(name), isLabel ? `${why} (--selinux keeps it)` : why, path);
    return false;
  }
}
