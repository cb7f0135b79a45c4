import { fchmodSync, fchownSync } from "node:fs";
import { descriptorPath, fchmodat, fchownat, futimens, lsetxattr, utimensat } from "@puzzlefs/linux";
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
  const path = xattrs.length === 0 ? undefined : descriptorPath(directory, name);
  setXattrs(path, xattrs, isUser, visit, warnings);
  const owned = warnings.tolerate("owner", visit, () => fchownat(directory, name, a.uid, a.gid));
  if (a.kind !== "lnk") fchmodat(directory, name, permissions(a, owned, visit, warnings));
  setXattrs(path, xattrs, isNotUser, visit, warnings);
  utimensat(directory, name, { seconds: a.mtimeSeconds, nanoseconds: a.mtimeNanoseconds });
}

/**
 * Gives an open file or directory its attributes; `path` leads to it without symbolic links. User attributes go first, while
 * its owner may still write; capabilities and access control lists after the owner and mode that would reset them.
 */
export function restoreOpened(
  descriptor: number,
  path: () => Uint8Array,
  visit: Visit,
  xattrs: readonly Xattr[],
  warnings: ExtractWarnings,
): void {
  const { attributes: a } = visit;
  const target = xattrs.length === 0 ? undefined : path();
  setXattrs(target, xattrs, isUser, visit, warnings);
  const owned = warnings.tolerate("owner", visit, () => fchownSync(descriptor, a.uid, a.gid));
  fchmodSync(descriptor, permissions(a, owned, visit, warnings));
  setXattrs(target, xattrs, isNotUser, visit, warnings);
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
  path: Uint8Array | undefined,
  xattrs: readonly Xattr[],
  chosen: (name: Uint8Array) => boolean,
  visit: Visit,
  warnings: ExtractWarnings,
): void {
  if (path === undefined) return;
  for (const { name, value } of xattrs) {
    if (!chosen(name)) continue;
    const what = Buffer.from(name).toString("latin1").split(".", 1)[0] as string;
    warnings.tolerate(`${what} attribute`, visit, () => lsetxattr(path, name, value));
  }
}

function isUser(name: Uint8Array): boolean {
  return name[0] === 0x75; // "user." is the only namespace with a u
}

function isNotUser(name: Uint8Array): boolean {
  return !isUser(name);
}
