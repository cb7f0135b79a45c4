import { fchmodSync, fchownSync } from "node:fs";
import { MAX_PERMISSIONS } from "@puzzlefs/format";
import {
  availableBytes,
  fchmodat,
  fchownat,
  FileStatus,
  flistxattr,
  fremovexattr,
  fsetxattr,
  futimens,
  hasCode,
  lsetxattrAt,
  utimensat,
} from "@puzzlefs/linux";
import { KeptTimes } from "./extract-times.ts";
import { isRefusal } from "./extract-warnings.ts";
import type { ExtractWarnings } from "./extract-warnings.ts";
import type { Attributes } from "./tree.ts";
import type { Visit } from "./walk-tree.ts";
import { isTreeXattr, xattrKind } from "./xattr-names.ts";

export interface Xattr {
  name: Uint8Array;
  value: Uint8Array;
}

/** A new file, in the way it can be reached. Nothing here follows a symbolic link. */
interface Restored {
  /** Open on the target's file system. */
  readonly descriptor: number;
  setXattr(xattr: Xattr): void;
  chown(uid: number, gid: number): void;
  chmod(mode: number): void;
  setTime(a: Attributes): void;
  readStatus(into: FileStatus): void;
}

const setUid = 0o4000;
const setGid = 0o2000;
const setIdBits = setUid | setGid;
/** To chown(2): leave it as it is. */
const noId = 0xffffffff;
/** More than any extended attribute takes. */
const roomForXattr = 1 << 20;
const defaultAcl = Buffer.from("system.posix_acl_default");
const accessAcl = Buffer.from("system.posix_acl_access");

/** Sets the attributes that the image has; refusals are counted. */
export class AttributeRestorer {
  readonly #warnings: ExtractWarnings;
  readonly #times = new KeptTimes();
  readonly #refusedUids = new Set([noId]);
  readonly #refusedGids = new Set([noId]);
  readonly #status = new FileStatus();

  constructor(warnings: ExtractWarnings) {
    this.#warnings = warnings;
  }

  /** Of a link or special file, which cannot be opened, by its name in its directory. */
  restoreByName(descriptor: number, visit: Visit, xattrs: readonly Xattr[]): void {
    const { name } = visit;
    this.#restore(visit, xattrs, {
      descriptor,
      setXattr: (xattr) => lsetxattrAt(descriptor, name, xattr.name, xattr.value),
      chown: (uid, gid) => fchownat(descriptor, name, uid, gid),
      chmod: (mode) => fchmodat(descriptor, name, mode),
      setTime: (a) => utimensat(descriptor, name, timeOf(a)),
      readStatus: (into) => into.readAt(descriptor, name),
    });
  }

  /** Of an open file or directory. */
  restoreOpened(descriptor: number, visit: Visit, xattrs: readonly Xattr[]): void {
    this.#restore(visit, xattrs, {
      descriptor,
      setXattr: (xattr) => fsetxattr(descriptor, xattr.name, xattr.value),
      chown: (uid, gid) => fchownSync(descriptor, uid, gid),
      chmod: (mode) => fchmodSync(descriptor, mode),
      setTime: (a) => futimens(descriptor, timeOf(a)),
      readStatus: (into) => into.readDescriptor(descriptor),
    });
  }

  /** For a directory that existed before. If it returns false, new files in it inherit the list. */
  removeDefaultAcl(descriptor: number, visit: Visit): boolean {
    return this.#removeXattrs(descriptor, visit, (name) => defaultAcl.equals(name));
  }

  /** Removes those attributes of a directory that existed before that the image's directory does not have. */
  removeOthers(descriptor: number, visit: Visit, kept: readonly Xattr[]): void {
    const isKept = (name: Buffer): boolean => kept.some((xattr) => name.equals(xattr.name));
    this.#removeXattrs(descriptor, visit, (name) => isTreeXattr(name) && !isKept(name));
  }

  #removeXattrs(descriptor: number, visit: Visit, chosen: (name: Buffer) => boolean): boolean {
    let all = true;
    for (const name of flistxattr(descriptor).filter(chosen)) {
      const remove = (): void => fremovexattr(descriptor, name);
      if (!this.#warnings.tolerate(xattrKind(name), "changed", visit, remove)) all = false;
    }
    return all;
  }

  /**
   * User attributes go first, while the file's owner may still write; capabilities and access control lists after the
   * owner and mode that would reset them.
   */
  #restore(visit: Visit, xattrs: readonly Xattr[], file: Restored): void {
    const { attributes: a } = visit;
    for (const xattr of xattrs) if (isUser(xattr)) this.#setXattr(xattr, visit, file);
    const allowed = this.#restoreOwner(visit, file);
    if (a.kind !== "lnk") this.#restoreMode(visit, file, allowed);
    for (const xattr of xattrs) if (!isUser(xattr)) this.#setXattr(xattr, visit, file);
    this.#restoreTime(visit, file);
  }

  /** Returns the set-id bits that the file may have. */
  #restoreOwner(visit: Visit, file: Restored): number {
    const { uid, gid } = visit.attributes;
    const both = (): void => {
      if (uid === noId || gid === noId) throw new NoIdError();
      file.chown(uid, gid);
    };
    if (this.#warnings.tolerate("owner", "changed", visit, both)) return setIdBits;
    // The user namespace may map one of them, and a user may choose among the groups that the user is in.
    const group = tryId(gid, this.#refusedGids, () => file.chown(noId, gid)) ? setGid : 0;
    const owner = tryId(uid, this.#refusedUids, () => file.chown(uid, noId)) ? setUid : 0;
    return owner | group;
  }

  /** Drops set-id bits without the right owner: the program would run with the rights of the user that extracts. */
  #restoreMode(visit: Visit, file: Restored, allowed: number): void {
    const { mode: all, kind } = visit.attributes;
    const wanted = all & MAX_PERMISSIONS;
    const mode = kind === "dir" ? wanted : wanted & ~(setIdBits & ~allowed);
    const isSet = this.#warnings.tolerate("mode", "changed", visit, () => file.chmod(mode));
    if ((wanted & setIdBits) === 0 || !isSet) return;
    // Without CAP_FSETID the kernel drops the bit of a group that the caller is not in, and reports success.
    file.readStatus(this.#status);
    if ((this.#status.mode & MAX_PERMISSIONS) !== wanted) this.#warnings.add("set-id bits", "changed", visit);
  }

  #setXattr(xattr: Xattr, visit: Visit, file: Restored): void {
    const kind = xattrKind(xattr.name);
    const isSet = this.#warnings.tolerate(kind, "changed", visit, () => {
      try {
        file.setXattr(xattr);
      } catch (error) {
        // ext4 has 4 KiB for all attributes of a file, and reports more as a full disk.
        if (!hasCode(error, "ENOSPC") || availableBytes(file.descriptor) < roomForXattr) throw error;
        throw new TooLargeError();
      }
    });
    if (isSet || !accessAcl.equals(xattr.name)) return;
    // With a list, the mode's group bits are the list's mask, and the owning group may have less: without it, nothing.
    this.#warnings.tolerate("mode", "changed", visit, () => {
      file.readStatus(this.#status);
      file.chmod(this.#status.mode & 0o7707);
    });
  }

  #restoreTime(visit: Visit, file: Restored): void {
    const { attributes: a } = visit;
    if (!this.#warnings.tolerate("times", "changed", visit, () => file.setTime(a)) || this.#times.isProven(a)) return;
    file.readStatus(this.#status);
    if (!this.#times.isKept(a, this.#status)) {
      this.#warnings.add("times", "changed", visit, "not in the range or precision of the file system");
    }
  }
}

/** Where the pair was refused. An id that was refused once is not tried again. */
function tryId(id: number, refused: Set<number>, chown: () => void): boolean {
  if (refused.has(id)) return false;
  try {
    chown();
    return true;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    refused.add(id);
    return false;
  }
}

function timeOf(a: Attributes): { seconds: number; nanoseconds: number } {
  return { seconds: a.mtimeSeconds, nanoseconds: a.mtimeNanoseconds };
}

function isUser({ name }: Xattr): boolean {
  return name[0] === 0x75; // "user." is the only namespace with a u
}

/** The image has the id 4294967295, which means no id. */
class NoIdError extends Error {
  override readonly name = "NoIdError";
  readonly code = "EINVAL";

  constructor() {
    super(`${noId} is not a user or group id`);
  }
}

class TooLargeError extends Error {
  override readonly name = "TooLargeError";
  readonly code = "E2BIG";

  constructor() {
    super("too large for the file system");
  }
}
