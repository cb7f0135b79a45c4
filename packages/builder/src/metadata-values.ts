import { Bytes, MANIFEST_VERSION, TRAIT_OVERLAY, traitsOfName } from "@puzzlefs/format";
import type { FileChunkValue, InodeModeValue, InodeValue, InodeVectorValue, RootfsValue } from "@puzzlefs/format";

import type { Pieces } from "./pieces.ts";
import type { Blob } from "./image-blob.ts";
import type { TreeNode } from "./tree-node.ts";

/** A node as a value of the format. `blobOf` finds a chunk; `recorded`: whether the image records its tree. */
export function inodeValue(node: TreeNode, blobOf: (chunk: number) => Blob, recorded: boolean): InodeValue {
  const value: InodeValue = {
    ino: node.ino,
    mode: modeValue(node, blobOf, recorded),
    uid: node.uid,
    gid: node.gid,
    permissions: node.permissions,
    mtimeSeconds: node.mtimeSeconds,
    mtimeNanoseconds: node.mtimeNanoseconds,
  };
  const links = recorded && node.kind !== "dir" && node.links > 1 ? { links: node.links } : undefined;
  if (node.target !== undefined) value.additional = { xattrs: node.xattrs, symlinkTarget: node.target, ...links };
  else if (node.xattrs.length > 0 || links !== undefined) value.additional = { xattrs: node.xattrs, ...links };
  return value;
}

function modeValue(node: TreeNode, blobOf: (chunk: number) => Blob, recorded: boolean): InodeModeValue {
  const { kind, major, minor, links, parent } = node;
  switch (kind) {
    case "file":
      return { kind, file: fileChunks(node.pieces, blobOf) };
    case "dir":
      return {
        kind,
        dir: {
          entries: node.entries.map(({ ino, name }) => ({ ino, name: Buffer.from(name, "latin1") })),
          ...(recorded && { links, parent }),
        },
      };
    case "chr":
      return { kind, chr: { major, minor } };
    case "blk":
      return { kind, blk: { major, minor } };
    default:
      return { kind };
  }
}

function fileChunks(pieces: Pieces, blobOf: (chunk: number) => Blob): FileChunkValue[] {
  const chunks: FileChunkValue[] = [];
  for (let index = 0; index < pieces.length; index += 3) {
    const { digest, compressed } = blobOf(pieces[index]);
    chunks.push({ blob: { digest, offset: pieces[index + 1], compressed }, len: pieces[index + 2] });
  }
  return chunks;
}

/**
 * The chunks that an image can reach, and their blobs, each once. Blobs come out sorted by digest: the same
 * image lists them in the same order, with any base.
 */
export class Reachable {
  #chunks = new Set<Blob>();
  #blobs = new Map<string, Blob>();

  add(chunk: Blob): void {
    if (this.#chunks.has(chunk)) return;
    this.#chunks.add(chunk);
    const { hex } = chunk;
    const known = this.#blobs.get(hex);
    if (known === undefined) {
      this.#blobs.set(hex, chunk);
      return;
    }
    // The same bytes can be one chunk compressed and another chunk raw; the blob is listed as compressed then.
    const compressed = chunk.compressed || known.compressed;
    const temporary = chunk.temporary ?? known.temporary;
    this.#blobs.set(hex, { ...chunk, compressed, temporary, replaces: chunk.replaces || known.replaces });
  }

  get chunkCount(): number {
    return this.#chunks.size;
  }

  blobs(): Blob[] {
    return [...this.#blobs.values()].sort((a, b) => (a.hex < b.hex ? -1 : 1));
  }
}

/** What an image records of its tree as a whole. */
export interface TreeTotals {
  inodes: number;
  contentBytes: number;
  traits: number;
}

/** The bits of Rootfs.traits that an inode has, as traitsOf() of schema/recorded.ts returns them for the encoded one. */
export function traitsOfNode({ kind, major, minor, xattrs }: TreeNode): number {
  let traits = kind === "chr" && major === 0 && minor === 0 ? TRAIT_OVERLAY : 0;
  for (const { key } of xattrs) traits |= traitsOfName(Bytes.of(key));
  return traits;
}

/** The metadata of an image with these layers, newest first. `totals` if it records its tree. */
export function rootfsValue(
  layers: readonly InodeVectorValue[],
  blobs: readonly Blob[],
  totals?: TreeTotals,
): RootfsValue {
  return { metadatas: layers, fsVerityData: blobs, manifestVersion: MANIFEST_VERSION, ...totals };
}
