import { ROOT_INO } from "@puzzlefs/format";
import { PathError } from "./errors.ts";
import { escapeName } from "@puzzlefs/linux";
import type { Tree } from "./tree.ts";

/** As the kernel: a resolution follows this many symbolic links and not one more. */
const maxLinks = 40;
const slash = 0x2f;

/** The non-empty components of a path, with "." left out and ".." kept. */
export function splitPath(path: Uint8Array): Uint8Array[] {
  const components: Uint8Array[] = [];
  let start = 0;
  for (let end = 0; end <= path.length; end++) {
    if (end < path.length && path[end] !== slash) continue;
    const component = path.subarray(start, end);
    start = end + 1;
    if (component.length > 0 && !(component.length === 1 && component[0] === 0x2e)) components.push(component);
  }
  return components;
}

/**
 * Resolves a path inside a tree as if the tree were the root directory of a process: symbolic links never lead
 * out, ".." of the root is the root.
 *
 * @param path absolute, or relative to the root, which is the same
 * @param follow whether a symbolic link in the last component is followed (stat) or returned (lstat)
 * @returns the inode number
 * @throws {PathError} ENOENT, ENOTDIR, ELOOP, naming the path asked for
 */
export function resolvePath(tree: Tree, path: Uint8Array, follow: boolean): number {
  return resolveName(tree, path, follow).ino;
}

/** Where a path leads. */
export interface ResolvedPath {
  ino: number;
  isDirectory: boolean;
  /** Unless it is a directory: the directory that contains it, and the name there (hard links have several). */
  directory: number;
  name: Uint8Array;
}

/** resolvePath(), with the name that it ends at. */
export function resolveName(tree: Tree, path: Uint8Array, follow: boolean): ResolvedPath {
  const pending = splitPath(path).reverse();
  const mustBeDirectory = path.length > 0 && path[path.length - 1] === slash;
  let links = 0;
  let [current, directory] = [ROOT_INO, ROOT_INO];
  let last: Uint8Array = new Uint8Array(0);
  let currentKind = tree.attributes(current)?.kind;
  while (pending.length > 0) {
    const name = pending.pop() as Uint8Array;
    if (currentKind !== "dir") throw new PathError("ENOTDIR", escapeName(path));
    if (isDotDot(name)) {
      current = tree.parent(current);
      continue;
    }
    const found = tree.lookup(current, name);
    const kind = found === undefined ? undefined : tree.attributes(found)?.kind;
    if (found === undefined || kind === undefined) throw new PathError("ENOENT", escapeName(path));
    if (kind === "lnk" && (follow || mustBeDirectory || pending.length > 0)) {
      if (++links > maxLinks) throw new PathError("ELOOP", escapeName(path));
      const target = tree.readlink(found);
      pending.push(...splitPath(target).reverse());
      if (target[0] === slash) current = ROOT_INO;
      continue;
    }
    [directory, current, last, currentKind] = [current, found, name, kind];
  }
  if (mustBeDirectory && currentKind !== "dir") throw new PathError("ENOTDIR", escapeName(path));
  return { ino: current, isDirectory: currentKind === "dir", directory, name: last };
}

function isDotDot(name: Uint8Array): boolean {
  return name.length === 2 && name[0] === 0x2e && name[1] === 0x2e;
}
