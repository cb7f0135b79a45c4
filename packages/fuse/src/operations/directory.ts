import { ENOENT } from "@puzzlefs/linux";
import type { Attributes, TreeEntry } from "@puzzlefs/reader";
import { DirentWriter } from "../wire/dirent-writer.ts";
import type { Reply } from "../wire/reply.ts";
import type { Request } from "../wire/request.ts";
import type { ReaddirplusPolicy } from "./readdirplus-policy.ts";
import type { Handler } from "./handler.ts";
import type { MountableTree } from "./mountable.ts";

const DOT = Buffer.from(".");
const DOT_DOT = Buffer.from("..");
const DIRECTORY = 0o4;

/**
 * Offsets of a directory stream: 0 is the start, 1 is after ".", 2 after "..", and 2 + cookie after the tree's entry with
 * that cookie.
 */
const FIRST_ENTRY = 2;

const UNKNOWN = 0;
const TYPES = { fifo: 0o1, chr: 0o2, dir: 0o4, blk: 0o6, file: 0o10, lnk: 0o12, sock: 0o14 } as const;

/** READDIR, or with `policy` READDIRPLUS. */
export function directoryHandler(tree: MountableTree, reply: Reply, policy?: ReaddirplusPolicy): Handler {
  const plus = policy !== undefined;
  const dirents = new DirentWriter(reply);

  const dots = (directory: number, offset: number): boolean => {
    if (offset < 1 && !dot(directory, 1, DOT)) return false;
    return offset >= FIRST_ENTRY || dot(tree.parent(directory), FIRST_ENTRY, DOT_DOT);
  };
  const dot = (ino: number, next: number, name: Uint8Array): boolean => bare(ino, next, DIRECTORY, name);
  const bare = (ino: number, next: number, type: number, name: Uint8Array): boolean =>
    plus ? dirents.appendBare(ino, next, type, name) : dirents.append(ino, next, type, name);

  /** An inode that breaks a rule is listed without a type: the LOOKUP of its name fails, and logs the rule. */
  const describe = (entry: TreeEntry, complete: boolean): { type: number; attributes?: Attributes | undefined } => {
    try {
      const { kind } = entry;
      if (!plus || !(complete || kind === "dir")) return { type: TYPES[kind] };
      return { type: TYPES[kind], attributes: entry.attributes ?? tree.attributes(entry.ino) };
    } catch {
      return { type: UNKNOWN };
    }
  };

  return (request: Request): number => {
    const directory = request.node;
    const offset = request.readOffset;
    if (tree.attributes(directory)?.kind !== "dir") return -ENOENT;
    dirents.start(Math.min(request.readSize, reply.capacity));
    if (!dots(directory, offset)) return dirents.size;
    // Later parts of a large directory always have attributes: there a wrong guess would cost many LOOKUPs.
    const complete = offset > 0 || policy?.wantsAttributes(directory) === true;
    for (const entry of tree.entries(directory, Math.max(offset - FIRST_ENTRY, 0))) {
      const next = entry.cookie + FIRST_ENTRY;
      const { type, attributes } = describe(entry, complete);
      const appended =
        attributes === undefined
          ? bare(entry.ino, next, type, entry.name)
          : dirents.appendPlus(attributes, next, entry.name);
      if (!appended) break;
    }
    return dirents.size;
  };
}
