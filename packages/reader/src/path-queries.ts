import { PathError } from "./errors.ts";
import { escapeName } from "@puzzlefs/linux";
import { resolvePath } from "./path.ts";
import type { Attributes, Tree, TreeEntry } from "./tree.ts";

const catBufferSize = 1 << 20;

/** A directory's entries in byte order of their names, whatever order the tree keeps them in. */
export function sortedEntries(tree: Tree, directory: number): TreeEntry[] {
  const entries = [...tree.entries(directory)];
  let sorted = true;
  for (let i = 1; sorted && i < entries.length; i++) {
    sorted = Buffer.compare((entries[i - 1] as TreeEntry).name, (entries[i] as TreeEntry).name) < 0;
  }
  return sorted ? entries : entries.sort((a, b) => Buffer.compare(a.name, b.name));
}

export interface Listed extends Attributes {
  name: Uint8Array;
  /** Of a symbolic link. */
  target?: Uint8Array;
}

/**
 * The result of `ls PATH`: the entries of a directory, sorted, or the one file. Symbolic links to directories are followed.
 * @throws {PathError}
 */
export function listPath(tree: Tree, path: Uint8Array): Listed[] {
  const ino = resolvePath(tree, path, true);
  const attributes = tree.attributes(ino) as Attributes;
  if (attributes.kind !== "dir") return [describe(tree, path, attributes)];
  return sortedEntries(tree, ino).map((entry) => describe(tree, entry.name, tree.attributes(entry.ino) as Attributes));
}

/**
 * The result of `stat PATH`: the inode that the name itself has (a symbolic link is not followed).
 * @throws {PathError}
 */
export function statPath(tree: Tree, path: Uint8Array): Listed & { xattrs: { name: Uint8Array; value: Uint8Array }[] } {
  const ino = resolvePath(tree, path, false);
  return { ...describe(tree, path, tree.attributes(ino) as Attributes), xattrs: tree.xattrs(ino) };
}

function describe(tree: Tree, name: Uint8Array, attributes: Attributes): Listed {
  return attributes.kind === "lnk"
    ? { ...attributes, name, target: tree.readlink(attributes.ino) }
    : { ...attributes, name };
}

/**
 * The content of the file at `path`, in pieces. Each piece is valid until the next is asked for.
 * @throws {PathError} also EISDIR for a directory and EINVAL for other files without content
 */
export function* catPath(tree: Tree, path: Uint8Array): Generator<Uint8Array> {
  const ino = resolvePath(tree, path, true);
  const { kind } = tree.attributes(ino) as Attributes;
  if (kind !== "file") throw new PathError(kind === "dir" ? "EISDIR" : "EINVAL", escapeName(path));
  yield* readContent(tree, ino, Buffer.allocUnsafeSlow(catBufferSize));
}

/** The content of a file, from byte `from` up to `to`, through one buffer; each piece is valid until the next is asked for. */
export function* readContent(
  tree: Tree,
  ino: number,
  buffer: Uint8Array,
  from = 0,
  to = Infinity,
): Generator<Uint8Array> {
  for (let offset = from; offset < to;) {
    const into = to - offset < buffer.length ? buffer.subarray(0, to - offset) : buffer;
    const length = tree.read(ino, offset, into);
    if (length > 0) yield buffer.subarray(0, length);
    if (length < into.length) return;
    offset += length;
  }
}
