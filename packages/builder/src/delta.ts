import type {
  BlobRef,
  DirEntryValue,
  FileChunk,
  FileChunkValue,
  Inode,
  InodeModeValue,
  InodeValue,
  StructList,
} from "@puzzlefs/format";

import type { InodeKind } from "@puzzlefs/reader";

import type { BaseImage } from "./base.ts";
import type { Numbering, TreeNode } from "./tree-node.ts";

/**
 * Numbers a tree that is built on another. An inode with the same path and kind as in the base keeps its number, so that
 * it is written again only if it has changed; the others get numbers that no layer uses.
 *
 * A directory keeps its number only under its old path, so no directory is reachable twice: its old parent is either
 * written again, without that entry, or not reachable itself.
 */
export class BaseNumbering implements Numbering {
  #base: BaseImage;
  #next: number;
  /** Numbers that this tree uses already: two names of one file in the base may now be two files. */
  #used = new Set<number>([1]);
  /** The base's record of the directory that is being walked. */
  #directory = 0;
  #children = new Map<string, number>();

  constructor(base: BaseImage) {
    this.#base = base;
    this.#next = base.lastIno + 1;
  }

  number(directory: TreeNode, name: string, kind: InodeKind): number {
    if (directory.ino !== this.#directory) {
      this.#directory = directory.ino;
      this.#children = directory.ino <= this.#base.lastIno ? this.#base.children(directory.ino) : new Map();
    }
    const old = this.#children.get(name);
    const ino =
      old !== undefined && !this.#used.has(old) && this.#base.inode(old)?.mode.kind === kind ? old : this.#next++;
    this.#used.add(ino);
    return ino;
  }
}

/** Whether an inode of the tree is new or differs from what the base shows under its number: a new layer has those. */
export function isChanged(value: InodeValue, base: BaseImage): boolean {
  const inode = value.ino <= base.lastIno ? base.inode(value.ino) : undefined;
  return inode === undefined || !sameInode(value, inode, base);
}

function sameInode(value: InodeValue, inode: Inode, base: BaseImage): boolean {
  const { uid, gid, permissions, mtimeSeconds, mtimeNanoseconds } = inode;
  return (
    value.uid === uid &&
    value.gid === gid &&
    value.permissions === permissions &&
    (value.mtimeSeconds ?? 0) === mtimeSeconds &&
    (value.mtimeNanoseconds ?? 0) === mtimeNanoseconds &&
    sameMode(value.mode, inode, base) &&
    (value.additional?.links ?? 0) === inode.additional.links &&
    sameBytes(value.additional?.symlinkTarget, inode.additional.symlinkTarget.toUint8Array()) &&
    sameXattrs(value, inode)
  );
}

function sameMode(value: InodeModeValue, { ino, mode }: Inode, base: BaseImage): boolean {
  if (value.kind !== mode.kind) return false;
  switch (value.kind) {
    case "chr":
      return value.chr.major === mode.chr.major && value.chr.minor === mode.chr.minor;
    case "blk":
      return value.blk.major === mode.blk.major && value.blk.minor === mode.blk.minor;
    case "file":
      return sameChunks(value.file, mode.file);
    case "dir":
      return (
        (value.dir.links ?? 0) === mode.dir.links &&
        (value.dir.parent ?? 0) === mode.dir.parent &&
        sameEntries(value.dir.entries ?? [], base.children(ino))
      );
    default:
      return true;
  }
}

function sameEntries(entries: readonly DirEntryValue[], shown: ReadonlyMap<string, number>): boolean {
  if (entries.length !== shown.size) return false;
  return entries.every(({ ino, name }) => shown.get(Buffer.from(name ?? []).toString("latin1")) === ino);
}

function sameChunks(values: readonly FileChunkValue[], chunks: StructList<FileChunk>): boolean {
  if (values.length !== chunks.length) return false;
  return values.every(({ blob, len }, index) => {
    const chunk = chunks.at(index);
    const { digest, offset, compressed } = chunk.blob;
    return (
      len === chunk.len &&
      (blob?.offset ?? 0) === offset &&
      (blob?.compressed ?? false) === compressed &&
      sameBytes(blob?.digest, digest.toUint8Array())
    );
  });
}

function sameXattrs(value: InodeValue, inode: Inode): boolean {
  const { xattrs } = inode.additional;
  const values = value.additional?.xattrs ?? [];
  if (values.length !== xattrs.length) return false;
  const shown = new Map([...xattrs].map(({ key, val }) => [latin1(key.toUint8Array()), val.toUint8Array()]));
  return values.every(({ key, val }) => {
    const other = shown.get(latin1(key ?? new Uint8Array()));
    return other !== undefined && sameBytes(val, other);
  });
}

function sameBytes(one: Uint8Array | undefined, other: Uint8Array): boolean {
  return Buffer.compare(one ?? new Uint8Array(), other) === 0;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

/** An inode as a value, to be written again. */
export function valueOf(inode: Inode): InodeValue {
  const { ino, uid, gid, permissions, mtimeSeconds, mtimeNanoseconds, additional } = inode;
  const xattrs = [...additional.xattrs].map(({ key, val }) => ({ key: key.toUint8Array(), val: val.toUint8Array() }));
  const symlinkTarget = additional.symlinkTarget.toUint8Array();
  const value: InodeValue = { ino, mode: modeOf(inode), uid, gid, permissions, mtimeSeconds, mtimeNanoseconds };
  const links = additional.links === 0 ? undefined : { links: additional.links };
  if (symlinkTarget.length > 0) value.additional = { xattrs, symlinkTarget, ...links };
  else if (xattrs.length > 0 || links !== undefined) value.additional = { xattrs, ...links };
  return value;
}

function modeOf({ ino, mode }: Inode): InodeModeValue {
  const { kind } = mode;
  switch (kind) {
    case "chr":
      return { kind, chr: { major: mode.chr.major, minor: mode.chr.minor } };
    case "blk":
      return { kind, blk: { major: mode.blk.major, minor: mode.blk.minor } };
    case "file":
      return { kind, file: [...mode.file].map(({ blob, len }) => ({ blob: refOf(blob), len })) };
    case "dir": {
      const entries = [...mode.dir.entries].map((entry) => ({ ino: entry.ino, name: entry.name.toUint8Array() }));
      const { lookBelow, links, parent } = mode.dir;
      return { kind, dir: { entries, lookBelow, links, parent } };
    }
    case "invalid":
      throw new Error(`inode ${ino} has a kind that validation refuses`);
    default:
      return { kind };
  }
}

function refOf({ digest, offset, compressed }: BlobRef): { digest: Uint8Array; offset: number; compressed: boolean } {
  return { digest: digest.toUint8Array(), offset, compressed };
}
