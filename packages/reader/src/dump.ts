import { createHash } from "node:crypto";
import { MAX_PERMISSIONS } from "@puzzlefs/format";
import type { DumpEntry } from "./dump-entry.ts";
import { escapeBytes } from "./escape.ts";
import { readContent } from "./path-queries.ts";
import { mtreeHeader, mtreeLine } from "./mtree.ts";
import type { Tree } from "./tree.ts";
import type { ResolvedPath } from "./path.ts";
import { Selection } from "./selection.ts";
import { pathOf, walkTree } from "./walk-tree.ts";
import type { Visit } from "./walk-tree.ts";

export interface DumpOptions {
  /** `text` is the canonical form; `mtree` is what NetBSD's mtree(8) reads with -f (it has no extended attributes). */
  format?: "text" | "mtree";
  /** Modification times; left out when false, for comparing with an image that keeps none. Default true. */
  times?: boolean;
  /** Only these and what is below, each name once. Default: the whole tree. */
  paths?: readonly ResolvedPath[];
}

const contentBufferSize = 1 << 20;

/**
 * The canonical text of a tree: equal text means equal trees. One line per name, in path order:
 *
 *     PATH KIND MODE UID GID SIZE NLINK DEVICE MTIME FIRST-PATH TARGET SHA256 [XATTR=VALUE]…
 *
 * MODE is the 12 permission bits in octal, DEVICE is major:minor, MTIME seconds.nanoseconds, FIRST-PATH the first
 * name of a file with several; what does not apply is "-". Bytes are escaped as `\xHH`.
 *
 * @throws what reading the tree throws
 */
export function dump(tree: Tree, write: (line: string) => void, options: DumpOptions = {}): void {
  const times = options.times ?? true;
  const format = options.format === "mtree" ? mtreeLine : textLine;
  const buffer = Buffer.allocUnsafeSlow(contentBufferSize);
  const selection = options.paths && new Selection(options.paths);
  const firstPaths = new Map<number, Uint8Array>();
  const digests = new Map<number, string>();
  const enter = (visit: Visit): void => {
    const { attributes } = visit;
    const { ino, kind } = attributes;
    const path = pathOf(visit);
    const shared = kind !== "dir" && attributes.nlink > 1;
    const firstPath = shared ? (firstPaths.get(ino) ?? path) : undefined;
    if (firstPath === path) firstPaths.set(ino, path);
    if (selection?.enter(visit) === false) return;
    const sha256 = kind === "file" ? (digests.get(ino) ?? hashContent(tree, ino, buffer)) : undefined;
    if (shared && sha256 !== undefined) digests.set(ino, sha256);
    const target = kind === "lnk" ? tree.readlink(ino) : undefined;
    write(format({ path, attributes, firstPath, target, xattrs: tree.xattrs(ino), sha256 }, times));
  };
  if (options.format === "mtree") write(mtreeHeader);
  walkTree(tree, { enter, leave: (visit) => selection?.leave(visit) });
}

function hashContent(tree: Tree, ino: number, buffer: Uint8Array): string {
  const hash = createHash("sha256");
  for (const piece of readContent(tree, ino, buffer)) hash.update(piece);
  return hash.digest("hex");
}

function textLine(entry: DumpEntry, times: boolean): string {
  const { attributes: a } = entry;
  const isDevice = a.kind === "chr" || a.kind === "blk";
  const fields = [
    escapeBytes(entry.path),
    a.kind,
    (a.mode & MAX_PERMISSIONS).toString(8).padStart(4, "0"),
    a.uid,
    a.gid,
    a.size,
    a.nlink,
    isDevice ? `${a.major}:${a.minor}` : "-",
    times ? `${a.mtimeSeconds}.${String(a.mtimeNanoseconds).padStart(9, "0")}` : "-",
    entry.firstPath === undefined ? "-" : escapeBytes(entry.firstPath),
    entry.target === undefined ? "-" : escapeBytes(entry.target),
    entry.sha256 ?? "-",
    ...entry.xattrs.map(({ name, value }) => `${escapeBytes(name, "=")}=${escapeBytes(value)}`),
  ];
  return fields.join(" ");
}
