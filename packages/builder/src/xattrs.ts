import { lgetxattrAt, llistxattrAt } from "@puzzlefs/linux";
import { hostXattrReason } from "@puzzlefs/reader";

import { readFailure } from "./errors.ts";
import type { FoundFile } from "./tree.ts";

const none: readonly never[] = [];

/** Reads extended attributes, and says once for each kind which ones it leaves out. */
export class XattrReader {
  #keepSelinux: boolean;
  #warn: (message: string) => void;
  #warned = new Set<string>();

  constructor(keepSelinux: boolean, warn: (message: string) => void) {
    this.#keepSelinux = keepSelinux;
    this.#warn = warn;
  }

  /** Attributes of a file, links not followed, in byte order of their names. */
  read({ directory, name, path }: FoundFile): readonly { key: Buffer; val: Buffer }[] {
    try {
      const names = llistxattrAt(directory, name);
      if (names.length === 0) return none;
      return names
        .filter((key) => this.#belongs(key))
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

  #belongs(name: Buffer): boolean {
    const why = hostXattrReason(name);
    const text = name.toString("latin1");
    if (why === undefined || (this.#keepSelinux && text === "security.selinux")) return true;
    if (!this.#warned.has(why)) {
      this.#warned.add(why);
      this.#warn(`leaving out ${text}, here and on other files: ${why}`);
    }
    return false;
  }
}
