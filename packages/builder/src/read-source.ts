import { checkAttributes, checkLink, checkPosition } from "./check-entry.ts";
import { noPieces } from "./pieces.ts";
import { BuildError } from "./errors.ts";
import type { MtimePolicy } from "./options.ts";
import type { Omissions } from "./omissions.ts";
import type { Source, SourceEntry, SourceXattr } from "./source.ts";
import type { Numbering, TreeEntry, TreeNode } from "./tree-node.ts";
import type { XattrPolicy } from "./xattrs.ts";

const noEntries: TreeEntry[] = Object.freeze([] as TreeEntry[]) as TreeEntry[];
const noXattrs: readonly SourceXattr[] = Object.freeze([]);

/** Bytes of content between two yields; an entry counts as some bytes. */
const BYTES_PER_YIELD = 65536;
const ENTRY_BYTES = 4096;

export interface ReadOptions {
  mtime: MtimePolicy;
  xattrs: XattrPolicy;
  numbering: Numbering;
  omissions: Omissions;
  /** Called for each regular file once, in the order of the source. Unless it is done then, returns what reads the rest of the content. */
  addFile: (node: TreeNode, file: SourceEntry) => Iterable<void> | undefined;
}

/**
 * Numbers the entries of a source as the Rust tool does: in their order, with a number for each name, of which hard links use
 * the first. Yields between entries and between pieces of content. Returns every inode, each once. Throws what the
 * source and `addFile` throw, and BuildError for entries that no image can have.
 */
export function* readSource(source: Source, options: ReadOptions): Generator<void, TreeNode[]> {
  const nodes: TreeNode[] = [];
  const directories = new Map<SourceEntry, TreeNode>();
  const linked = new Map<string, TreeNode>();
  let [from, parent]: [SourceEntry?, TreeNode?] = [];
  let worked = 0;
  for (const entry of source.entries(options.omissions)) {
    if (worked >= BYTES_PER_YIELD) {
      yield;
      worked = 0;
    }
    worked += ENTRY_BYTES;
    const { directory, name, kind, link } = entry;
    if (directory !== from) [from, parent] = [directory, directory && directories.get(directory)];
    checkPosition(entry, parent, nodes.length === 0);
    const ino = parent === undefined ? 1 : options.numbering.number(parent, name, kind);
    const known = link === undefined ? undefined : linked.get(link);
    if (known !== undefined) checkLink(entry, known);
    parent?.entries.push({ name, ino: known?.ino ?? ino });
    if (known !== undefined) {
      known.links++;
      continue;
    }
    const node = nodeOf(ino, parent?.ino ?? ino, entry, options);
    if (kind === "dir" && parent !== undefined) parent.links++;
    checkAttributes(entry, node);
    nodes.push(node);
    if (link !== undefined) linked.set(link, node);
    if (kind === "dir") directories.set(entry, node);
    if (kind !== "file") continue;
    worked += node.size;
    const rest = options.addFile(node, entry);
    if (rest !== undefined) yield* rest;
  }
  if (nodes.length === 0) throw new BuildError(source.name, "the source delivered no entries, not even a root");
  return nodes;
}

function nodeOf(ino: number, parent: number, entry: SourceEntry, { mtime, xattrs }: ReadOptions): TreeNode {
  const { kind } = entry;
  const { mtimeSeconds, mtimeNanoseconds } = mtimeOf(entry, mtime);
  return {
    ino,
    kind,
    uid: entry.uid,
    gid: entry.gid,
    permissions: entry.permissions,
    major: entry.major,
    minor: entry.minor,
    mtimeSeconds,
    mtimeNanoseconds,
    xattrs: xattrsOf(entry, xattrs),
    target: kind === "lnk" ? entry.readlink() : undefined,
    size: entry.size,
    pieces: noPieces,
    entries: kind === "dir" ? [] : noEntries,
    links: kind === "dir" ? 2 : 1,
    parent,
  };
}

/** In byte order of their names. */
function xattrsOf(entry: SourceEntry, policy: XattrPolicy): readonly SourceXattr[] {
  const found = entry.xattrs((name) => policy.accepts(name, entry.path));
  return found.length === 0 ? noXattrs : found.toSorted((a, b) => Buffer.compare(a.key, b.key));
}

/** The modification time that the image records. */
function mtimeOf(entry: SourceEntry, policy: MtimePolicy): { mtimeSeconds: number; mtimeNanoseconds: number } {
  if (policy.kind === "zero") return { mtimeSeconds: 0, mtimeNanoseconds: 0 };
  const { mtimeSeconds, mtimeNanoseconds } = entry;
  if (policy.kind === "clamp" && mtimeSeconds >= policy.seconds) {
    return { mtimeSeconds: policy.seconds, mtimeNanoseconds: 0 };
  }
  return { mtimeSeconds, mtimeNanoseconds };
}
