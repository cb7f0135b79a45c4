import { MANIFEST_VERSION } from "@puzzlefs/format";
import type { FileChunkValue, InodeModeValue, InodeValue, RootfsValue } from "@puzzlefs/format";

import type { Pieces } from "./pieces.ts";
import type { Blob } from "./image-blob.ts";
import type { TreeNode } from "./tree-node.ts";

/** A node as a value of the format. `blobOf` finds a chunk. */
export function inodeValue(node: TreeNode, blobOf: (chunk: number) => Blob): InodeValue {
  const value: InodeValue = {
    ino: node.ino,
    mode: modeValue(node, blobOf),
    uid: node.uid,
    gid: node.gid,
    permissions: node.permissions,
    mtimeSeconds: node.mtimeSeconds,
    mtimeNanoseconds: node.mtimeNanoseconds,
  };
  if (node.target !== undefined) value.additional = { xattrs: node.xattrs, symlinkTarget: node.target };
  else if (node.xattrs.length > 0) value.additional = { xattrs: node.xattrs };
  return value;
}

function modeValue(node: TreeNode, blobOf: (chunk: number) => Blob): InodeModeValue {
  const { kind, major, minor } = node;
  switch (kind) {
    case "file":
      return { kind, file: fileChunks(node.pieces, blobOf) };
    case "dir":
      return {
        kind,
        dir: { entries: node.entries.map(({ ino, name }) => ({ ino, name: Buffer.from(name, "latin1") })) },
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

/** The metadata of an image with these layers, newest first. */
export function rootfsValue(layers: readonly { inodes: readonly InodeValue[] }[], blobs: readonly Blob[]): RootfsValue {
  return { metadatas: layers, fsVerityData: blobs, manifestVersion: MANIFEST_VERSION };
}
