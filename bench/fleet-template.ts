/** An image as the fleet's versions have it: metadata and chunks that can be given other digests and sizes, without content. */
import {
  encodeRootfs,
  type FileChunkValue,
  type Inode,
  type InodeModeValue,
  type InodeValue,
  type RootfsValue,
} from "@puzzlefs/format";
import type { Chunk } from "@puzzlefs/builder/packed";
import type { Layout } from "@puzzlefs/oci";
import { type ImageHeader, visibleInodes } from "@puzzlefs/reader";
import { chunksOf, metadataOf } from "@puzzlefs/builder/packed";

/** A regular file of the image. Hard links are one file. */
export interface TemplateFile {
  path: string;
  inode: InodeValue;
  /** Numbers of its chunks. */
  chunks: number[];
  size: number;
}

export interface Template {
  rootfs: RootfsValue & { fsVerityData: { digest: Uint8Array; verity: Uint8Array }[] };
  /** In walk order. */
  chunks: Chunk[];
  /** The references to each chunk, and its fs-verity digest. */
  references: { digest: Uint8Array }[][];
  verities: Uint8Array[];
  files: TemplateFile[];
}

/** Reads an image of one layer. Throws if writing it again would not give its bytes. */
export function readTemplate(header: ImageHeader, layout: Layout): Template {
  const chunks = chunksOf(header, layout.path);
  const numbers = new Map(chunks.map(({ digest }, index) => [digest, index]));
  const { image } = header.metadata;
  const references: Template["references"] = chunks.map(() => []);
  const inodes: InodeValue[] = [];
  const files = new Map<number, TemplateFile>();
  for (const inode of visibleInodes(header.metadata)) {
    const value = inodeValue(inode);
    inodes.push(value);
    if (value.mode?.kind !== "file") continue;
    const runs = (value.mode.file ?? []) as (FileChunkValue & { blob: { digest: Uint8Array } })[];
    const own = runs.map(({ blob }) => {
      const chunk = numbers.get(hex(blob.digest)) ?? -1;
      references[chunk]?.push(blob);
      return chunk;
    });
    const size = runs.reduce((sum, { len }) => sum + len, 0);
    files.set(value.ino, { path: "", inode: value, chunks: [...new Set(own)], size });
  }
  const known = new Map([...image.fsVerityData].map(({ digest, verity }) => [hex(copy(digest)), copy(verity)]));
  const verities = chunks.map(({ digest }) => known.get(digest) ?? new Uint8Array());
  const rootfs = {
    metadatas: [{ inodes }],
    fsVerityData: [...image.fsVerityData].map(({ digest, verity }) => ({ digest: copy(digest), verity: copy(verity) })),
    manifestVersion: image.manifestVersion,
    ...(image.inodes > 0 && { inodes: image.inodes, contentBytes: image.contentBytes, traits: image.traits }),
  };
  if (!Buffer.from(encodeRootfs(rootfs)).equals(metadataOf(header)))
    throw new Error(`${layout.path}: an image that is no single layer of this builder cannot be a template`);
  namePaths(inodes, files);
  return { rootfs, chunks, references, verities, files: [...files.values()] };
}

/** The first path of each file, by a walk from the root. */
function namePaths(inodes: readonly InodeValue[], files: ReadonlyMap<number, TemplateFile>): void {
  const byNumber = new Map(inodes.map((inode) => [inode.ino, inode]));
  const pending = [{ ino: 1, path: "" }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const mode = byNumber.get(next.ino)?.mode;
    const file = files.get(next.ino);
    if (file !== undefined) file.path ||= next.path;
    if (mode?.kind !== "dir") continue;
    for (const { ino, name = new Uint8Array() } of mode.dir.entries ?? [])
      pending.push({ ino, path: `${next.path}${next.path === "" ? "" : "/"}${Buffer.from(name).toString("latin1")}` });
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const copy = (bytes: { toUint8Array(): Uint8Array }): Uint8Array => Uint8Array.from(bytes.toUint8Array());

function inodeValue({
  ino,
  uid,
  gid,
  permissions,
  additional,
  mtimeSeconds,
  mtimeNanoseconds,
  mode,
}: Inode): InodeValue {
  const { xattrs, symlinkTarget, links } = additional;
  const target = copy(symlinkTarget);
  const value: InodeValue = { ino, uid, gid, permissions, mtimeSeconds, mtimeNanoseconds, mode: modeValue(mode) };
  if (target.length > 0 || xattrs.length > 0 || links > 0) {
    value.additional = {
      xattrs: [...xattrs].map(({ key, val }) => ({ key: copy(key), val: copy(val) })),
      ...(target.length > 0 && { symlinkTarget: target }),
      ...(links > 0 && { links }),
    };
  }
  return value;
}

function modeValue(mode: Inode["mode"]): InodeModeValue {
  const { kind } = mode;
  switch (kind) {
    case "file":
      return {
        kind,
        file: [...mode.file].map(({ blob: { digest, offset, compressed }, len }) => ({
          blob: { digest: copy(digest), offset, compressed },
          len,
        })),
      };
    case "dir": {
      const { entries, lookBelow, links, parent } = mode.dir;
      const names = [...entries].map(({ ino, name }) => ({ ino, name: copy(name) }));
      return { kind, dir: { entries: names, lookBelow, links, parent } };
    }
    case "chr":
      return { kind, chr: { major: mode.chr.major, minor: mode.chr.minor } };
    case "blk":
      return { kind, blk: { major: mode.blk.major, minor: mode.blk.minor } };
    case "invalid":
      throw new Error("an inode of no kind");
    default:
      return { kind };
  }
}
