import { fchmodSync, fchownSync } from "node:fs";
import { fchmodat, fchownat, fsetxattr, futimens, lsetxattrAt, utimensat } from "@puzzlefs/linux";
import type { ExtractWarnings } from "./extract-warnings.ts";
import type { Attributes } from "./tree.ts";
import type { Visit } from "./walk.ts";

export interface Xattr {
  name: Uint8Array;
  value: Uint8Array;
}

const setIdBits = 0o6000;

/**
 * Gives a new file its attributes by name in its directory: links and special files, which cannot be opened.
 * Nothing here follows a symbolic link.
 */
export function restoreByName(
  directory: number,
  visit: Visit,
  xattrs: readonly Xattr[],
  warnings: ExtractWarnings,
): void {
  const { attributes: a, name } = visit;
  const set = (xattr: Xattr): void => lsetxattrAt(directory, name, xattr.name, xattr.value);
  setXattrs(set, xattrs, isUser, visit, warnings);
  const owned = warnings.tolerate("owner", visit, () => fchownat(directory, name, a.uid, a.gid));
  if (a.kind !== "lnk") fchmodat(directory, name, permissions(a, owned, visit, warnings));
  setXattrs(set, xattrs, isNotUser, visit, warnings);
  utimensat(directory, name, { seconds: a.mtimeSeconds, nanoseconds: a.mtimeNanoseconds });
}

/**
 * Gives an open file or directory its attributes. User attributes go first, while its owner may still write; capabilities
 * and access control lists after the owner and mode that would reset them.
 */
export function restoreOpened(
  descriptor: number,
  visit: Visit,
  xattrs: readonly Xattr[],
  warnings: ExtractWarnings,
): void {
  const { attributes: a } = visit;
  const set = (xattr: Xattr): void => fsetxattr(descriptor, xattr.name, xattr.value);
  setXattrs(set, xattrs, isUser, visit, warnings);
  const owned = warnings.tolerate("owner", visit, () => fchownSync(descriptor, a.uid, a.gid));
  fchmodSync(descriptor, permissions(a, owned, visit, warnings));
  setXattrs(set, xattrs, isNotUser, visit, warnings);
  futimens(descriptor, { seconds: a.mtimeSeconds, nanoseconds: a.mtimeNanoseconds });
}

/** A program must not run with the rights of whoever happens to extract it instead of its owner's. */
function permissions(a: Attributes, owned: boolean, visit: Visit, warnings: ExtractWarnings): number {
  const mode = a.mode & 0o7777;
  if (owned || a.kind === "dir" || (mode & setIdBits) === 0) return mode;
  warnings.add("set-id bits", visit);
  return mode & ~setIdBits;
}

function setXattrs(
  set: (xattr: Xattr) => void,
  xattrs: readonly Xattr[],
  chosen: (name: Uint8Array) => boolean,
  visit: Visit,
  warnings: ExtractWarnings,
): void {
  for (const xattr of xattrs) {
    if (!chosen(xattr.name)) continue;
    const what = Buffer.from(xattr.name).toString("latin1").split(".", 1)[0] as string;
    warnings.tolerate(`${what} attribute`, visit, () => set(xattr));
  }
}

function isUser(name: Uint8Array): boolean {
  return name[0] === 0x75; // "user." is the only namespace with a u
}

function isNotUser(name: Uint8Array): boolean {
  return !isUser(name);
}
