import { MAX_NAME_BYTES, MAX_TARGET_BYTES } from "@puzzlefs/format";
import type { InodeKind } from "@puzzlefs/reader";

import type { SourceXattr } from "../source.ts";
import { ArchiveError } from "./layer-error.ts";
import type { Content, Member } from "./member.ts";

/** An inode of the tree that layers make. */
export interface LayeredNode {
  kind: InodeKind;
  uid: number;
  gid: number;
  permissions: number;
  major: number;
  minor: number;
  mtimeSeconds: number;
  mtimeNanoseconds: number;
  xattrs: readonly SourceXattr[];
  /** Of a lnk, latin1; otherwise empty. */
  target: string;
  size: number;
  content: Content | undefined;
  /** Of an inode that has had a second name: a text that no other inode has. */
  link: string | undefined;
  /** Of a directory. */
  readonly names: Map<string, LayeredName> | undefined;
  /** The layer that has removed the names of lower layers in it: a second time nothing is to be done. */
  cleared: number;
}

export interface LayeredName {
  node: LayeredNode;
  /** Number of the layer that last had an entry of this name, or of one below it. */
  layer: number;
}

/** A component of a resolved path; without `found` there is none of that name. */
interface Step {
  name: string;
  found: LayeredName | undefined;
}

const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";
/** Names that aufs keeps for itself, at the top of a layer. */
const AUFS = ".wh..wh.";
const SET_GROUP_ID = 0o2000;
/** Symbolic links in one path, as in the kernel. */
const MOST_LINKS = 40;
const none: readonly SourceXattr[] = Object.freeze([]);

/**
 * The tree that an image's layers make, one after another: as `umoci unpack` applies them to a directory, but in
 * memory. Symbolic links in names are followed inside of the tree. Throws ArchiveError.
 */
export class LayeredTree {
  readonly root: LayeredName = { node: directoryNode(), layer: -1 };
  readonly #count: (names: number) => void;
  #layer = -1;
  #links = 0;

  /** @param count called with the number of directories that an entry implies, before they are made */
  constructor(count: (names: number) => void = () => {}) {
    this.#count = count;
  }

  /** The members that follow are those of the next layer. */
  beginLayer(): void {
    this.#layer++;
  }

  /** Applies a member. Returns the reason if it is left out. */
  apply(member: Member): string | undefined {
    const parts = partsOf(member.name, member);
    const last = parts.pop();
    if (last === undefined) return this.#applyRoot(member);
    if ((parts[0] ?? last).startsWith(AUFS) && (parts.length > 0 || last !== OPAQUE))
      return "aufs has it for its own use";
    const path = this.#resolve(parts, member);
    if (last.startsWith(WHITEOUT)) {
      this.#whiteout(path, last, member);
      return undefined;
    }
    checkName(last, member);
    const directories = this.#make(path, member);
    const names = namesOf(directories.at(-1) ?? this.root) as Map<string, LayeredName>;
    const old = names.get(last);
    if (old?.node.kind === "dir" && member.kind === "dir") {
      Object.assign(old.node, attributesOf(member));
      old.layer = this.#layer;
    } else {
      // Before the target of a link is looked up: it may have been this name, or below it.
      names.delete(last);
      names.set(last, { node: member.kind === "link" ? this.#linked(member) : nodeOf(member), layer: this.#layer });
    }
    for (const directory of directories) directory.layer = this.#layer;
    return undefined;
  }

  #applyRoot(member: Member): undefined {
    if (member.kind !== "dir") throw error(member, "the root is not a directory in it");
    Object.assign(this.root.node, attributesOf(member));
    return undefined;
  }

  /** The inode that a hard link names: it is in a lower layer, or came before in this one. */
  #linked(member: Member): LayeredNode {
    const parts = partsOf(member.linkName, member);
    const last = parts.pop() ?? "";
    const directory = this.#resolve(parts, member).at(-1);
    const found = directory === undefined ? this.root : directory.found;
    const node = found && namesOf(found)?.get(last)?.node;
    if (node === undefined) throw error(member, "a hard link to a name that does not exist");
    if (node.kind === "dir") throw error(member, "a hard link to a directory");
    node.link ??= `${this.#links++}`;
    return node;
  }

  /** Follows symbolic links. Directories need not exist, nor need they be directories. */
  #resolve(parts: readonly string[], member: Member): Step[] {
    const path: Step[] = [];
    const pending = parts.toReversed();
    let links = 0;
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      if (name === "" || name === ".") continue;
      if (name === "..") {
        path.pop();
        continue;
      }
      const parent = path.length === 0 ? this.root : path.at(-1)?.found;
      const found = parent && namesOf(parent)?.get(name);
      if (found?.node.kind !== "lnk") {
        path.push({ name, found });
        continue;
      }
      if (++links > MOST_LINKS)
        throw error(member, `more than ${MOST_LINKS} symbolic links on the way to it, or a loop of them`);
      const { target } = found.node;
      if (target.startsWith("/")) path.length = 0;
      pending.push(...target.split("/").reverse());
    }
    return path;
  }

  /** Makes the directories of a path that do not exist. */
  #make(path: readonly Step[], member: Member): LayeredName[] {
    const missing = path.filter(({ found }) => found === undefined).length;
    if (missing > 0) this.#count(missing);
    let parent = this.root;
    return path.map(({ name, found }) => {
      const names = namesOf(parent);
      if (names === undefined) throw error(member, "a part of its path is not a directory");
      checkName(name, member);
      const directory = found ?? { node: impliedDirectory(parent.node), layer: this.#layer };
      if (found === undefined) names.set(name, directory);
      if (directory.node.kind !== "dir") throw error(member, "a part of its path is not a directory");
      return (parent = directory);
    });
  }

  /** Removes what lower layers have under a name, or in a directory. */
  #whiteout(path: readonly Step[], file: string, member: Member): void {
    const last = path.at(-1);
    const directory = last === undefined ? this.root : last.found;
    const names = directory && namesOf(directory);
    if (directory === undefined || names === undefined) return;
    if (file === OPAQUE) return this.#removeLower(directory.node);
    const name = file.slice(WHITEOUT.length);
    if (name === "" || name === "." || name === "..") throw error(member, "a whiteout without a name");
    const found = names.get(name);
    if (found === undefined) return;
    if (found.layer !== this.#layer) names.delete(name);
    else this.#removeLower(found.node);
  }

  /** Removes the names that have no entry in this layer, at any depth. */
  #removeLower(top: LayeredNode): void {
    const pending = [top];
    for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
      if (directory.names === undefined || directory.cleared === this.#layer) continue;
      directory.cleared = this.#layer;
      for (const [name, { node, layer }] of directory.names) {
        if (layer === this.#layer) pending.push(node);
        else directory.names.delete(name);
      }
    }
  }
}

function namesOf({ node }: LayeredName): Map<string, LayeredName> | undefined {
  return node.names;
}

/** A directory that no layer has an entry for, as far as that is known: root's, with the time 0, so that it is always the same. */
function directoryNode(): LayeredNode {
  return {
    kind: "dir",
    uid: 0,
    gid: 0,
    permissions: 0o755,
    major: 0,
    minor: 0,
    mtimeSeconds: 0,
    mtimeNanoseconds: 0,
    xattrs: none,
    target: "",
    size: 0,
    content: undefined,
    link: undefined,
    names: new Map(),
    cleared: -1,
  };
}

/**
 * A directory that only the names of members imply. Every unpacker makes it by mkdir(2): in a directory with the
 * set-group-ID bit it gets the group and the bit.
 */
function impliedDirectory(parent: LayeredNode): LayeredNode {
  const node = directoryNode();
  if ((parent.permissions & SET_GROUP_ID) === 0) return node;
  return { ...node, gid: parent.gid, permissions: node.permissions | SET_GROUP_ID };
}

function attributesOf(member: Member): Partial<LayeredNode> {
  const { uid, gid, permissions, mtimeSeconds, mtimeNanoseconds, xattrs } = member;
  return { uid, gid, permissions, mtimeSeconds, mtimeNanoseconds, xattrs };
}

function nodeOf(member: Member): LayeredNode {
  const { kind, linkName, major, minor, size, content } = member;
  const node = { ...directoryNode(), ...attributesOf(member), major, minor, size, content };
  if (kind === "dir") return { ...node, kind };
  if (kind !== "lnk") return { ...node, kind: kind as InodeKind, names: undefined };
  if (linkName.length === 0 || linkName.length > MAX_TARGET_BYTES || linkName.includes("\0"))
    throw error(member, `its target is not of 1 to ${MAX_TARGET_BYTES} bytes`);
  // The kernel has no others.
  return { ...node, kind, permissions: 0o777, target: linkName, names: undefined };
}

/**
 * The components of a name: "." and empty ones are dropped, ".." is resolved as text, and a slash at the start has no meaning. A
 * name that goes above the root is refused; container tools take it for one in the root.
 */
function partsOf(name: string, member: Member): string[] {
  const parts: string[] = [];
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) throw error(member, "a name that leads out of the tree");
  }
  return parts;
}

function checkName(name: string, member: Member): void {
  if (name.length > MAX_NAME_BYTES) throw error(member, `a name of ${name.length} bytes; ${MAX_NAME_BYTES} at most`);
}

function error({ offset }: Member, problem: string): ArchiveError {
  return new ArchiveError("corrupt", offset, problem);
}
