import { lgetxattr, llistxattr } from "@puzzlefs/oci";

import { readFailure } from "./errors.ts";

/** Attributes that say something about the file system they were found on, not about the tree. */
const hostAttributes: { matches: (name: string) => boolean; why: string }[] = [
  { matches: (name) => name === "security.selinux", why: "the label belongs to the host's policy" },
  { matches: (name) => name.startsWith("btrfs."), why: "it is a property of the host's btrfs" },
  { matches: (name) => name.startsWith("system.nfs4_acl"), why: "it is the NFS server's" },
];

const none: readonly never[] = [];

/** Reads extended attributes, and says once for each kind which ones it leaves out. */
export class XattrReader {
  #keepSelinux: boolean;
  #warn: (message: string) => void;
  #warned = new Set<object>();

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
        .filter((name) => this.#belongs(name.toString("latin1")))
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

  #belongs(name: string): boolean {
    const host = hostAttributes.find((attribute) => attribute.matches(name));
    if (host === undefined || (this.#keepSelinux && name === "security.selinux")) return true;
    if (!this.#warned.has(host)) {
      this.#warned.add(host);
      this.#warn(`leaving out ${name}, here and on other files: ${host.why}`);
    }
    return false;
  }
}
