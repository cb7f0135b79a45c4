import { lgetxattr, llistxattr } from "@puzzlefs/linux";
import { hostXattrReason } from "@puzzlefs/reader";

import { readFailure } from "./errors.ts";

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

  /** Attributes of the file at `fsPath`, links not followed, in byte order of their names. `path` is for messages. */
  read(fsPath: Buffer, path: string): readonly { key: Buffer; val: Buffer }[] {
    try {
      const names = llistxattr(fsPath);
      if (names.length === 0) return none;
      return names
        .filter((name) => this.#belongs(name))
        .toSorted(Buffer.compare)
        .flatMap((key) => {
          const val = lgetxattr(fsPath, key);
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
