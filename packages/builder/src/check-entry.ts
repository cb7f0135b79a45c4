import { deviceFits, MAX_NAME_BYTES, MAX_PERMISSIONS, MAX_TARGET_BYTES, MAX_XATTR_NAMES_BYTES } from "@puzzlefs/format";
import { printable } from "@puzzlefs/linux";

import { BuildError } from "./errors.ts";
import type { SourceEntry } from "./source.ts";
import type { TreeNode } from "./tree-node.ts";

const NANOSECONDS = 1_000_000_000;
const SLASH = 0x2f;

/** Checks that an entry is the root, or has a name that its directory can have next. Throws BuildError. */
export function checkPosition(entry: SourceEntry, parent: TreeNode | undefined, isFirst: boolean): void {
  const { name } = entry;
  if (parent === undefined) {
    if (entry.directory !== undefined) throw wrong(entry, "its directory was not delivered before it");
    if (!isFirst) throw wrong(entry, "a second root");
    if (name !== "" || entry.kind !== "dir") throw wrong(entry, "the root is not a directory without a name");
    return;
  }
  if (!isName(name)) throw wrong(entry, `'${printable(name)}' is not a file name of 1 to ${MAX_NAME_BYTES} bytes`);
  const previous = parent.entries.at(-1);
  if (previous !== undefined && previous.name >= name) {
    throw wrong(entry, "it is not after the directory's entry that came before it, in byte order");
  }
}

/** Checks that an entry may be a further name of an inode. Throws BuildError. */
export function checkLink(entry: SourceEntry, known: TreeNode): void {
  if (entry.kind === "dir") throw wrong(entry, "a second name of a directory");
  if (entry.kind !== known.kind) throw wrong(entry, `its first name was a ${known.kind}, not a ${entry.kind}`);
}

/** Checks the attributes of an inode that is new. Throws BuildError. */
export function checkAttributes(entry: SourceEntry, node: TreeNode): void {
  const { kind, permissions, size, target } = node;
  if (!(permissions >= 0 && permissions <= MAX_PERMISSIONS)) throw wrong(entry, `permissions ${permissions}`);
  if (!(node.mtimeNanoseconds >= 0 && node.mtimeNanoseconds < NANOSECONDS)) {
    throw wrong(entry, `a modification time with ${node.mtimeNanoseconds} nanoseconds`);
  }
  if (!Number.isSafeInteger(size) || size < 0 || (kind !== "file" && size > 0)) throw wrong(entry, `size ${size}`);
  if (target !== undefined && (target.length === 0 || target.length > MAX_TARGET_BYTES || target.includes(0))) {
    throw wrong(entry, `its target is not of 1 to ${MAX_TARGET_BYTES} bytes without NUL`);
  }
  const names = node.xattrs.reduce((sum, { key }) => sum + key.length + 1, 0);
  if (names > MAX_XATTR_NAMES_BYTES) {
    throw wrong(entry, `names of extended attributes of ${names} bytes; ${MAX_XATTR_NAMES_BYTES} at most`);
  }
  if ((kind === "chr" || kind === "blk") && !deviceFits(node.major, node.minor)) {
    throw wrong(entry, `device number ${node.major}:${node.minor}`);
  }
}

function isName(name: string): boolean {
  const { length } = name;
  if (length === 0 || length > MAX_NAME_BYTES || name === "." || name === "..") return false;
  for (let at = 0; at < length; at++) {
    const code = name.charCodeAt(at);
    if (code === 0 || code === SLASH || code > 0xff) return false;
  }
  return true;
}

function wrong({ path }: SourceEntry, what: string): BuildError {
  return new BuildError(printable(Buffer.from(path, "latin1")), `the source delivered a wrong entry: ${what}`);
}
