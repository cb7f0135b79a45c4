import { lgetxattrAt, llistxattrAt, printable } from "@puzzlefs/linux";
import { hostXattrReason } from "@puzzlefs/reader";

import { readFailure } from "./errors.ts";
import type { Omissions } from "./omissions.ts";
import type { FoundFile } from "./tree-node.ts";

const none: readonly never[] = [];

/** Reads extended attributes, and notes which ones it leaves out. */
export class XattrReader {
  #keepSelinux: boolean;
  #omissions: Omissions;

  constructor(keepSelinux: boolean, omissions: Omissions) {
    this.#keepSelinux = keepSelinux;
    this.#omissions = omissions;
  }

  /** Attributes of a file, links not followed, in byte order of their names. */
  read({ directory, name, path }: FoundFile): readonly { key: Buffer; val: Buffer }[] {
    try {
      const names = llistxattrAt(directory, name);
      if (names.length === 0) return none;
      return names
        .filter((key) => this.#belongs(key, path))
        .toSorted(Buffer.compare)
        .flatMap((key) => {
          const val = lgetxattrAt(directory, name, key);
          // Removed since it was listed.
          return val === undefined ? [] : [{ key, val }];
        });
    } catch (error) {
      throw readFailure(path, "read the extended attributes", error);
    }
  }

  #belongs(name: Buffer, path: string): boolean {
    const why = hostXattrReason(name);
    if (why === undefined) return true;
    const isLabel = name.toString("latin1") === "security.selinux";
    if (isLabel && this.#keepSelinux) return true;
    this.#omissions.add(printable(name), isLabel ? `${why} (--selinux keeps it)` : why, path);
    return false;
  }
}
