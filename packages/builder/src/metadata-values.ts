import { MANIFEST_VERSION } from "@puzzlefs/format";
import type { ChunkValue, FileChunkValue, InodeModeValue, InodeValue, RootfsValue } from "@puzzlefs/format";

import type { Pieces } from "./content-stream.ts";
import type { ChunkLocation } from "./chunk-locations.ts";
import type { Blob } from "./image-blob.ts";
import type { TreeNode } from "./tree-node.ts";

/** A node as a value of the format. `location` finds a chunk. */
export function inodeValue(node: TreeNode, location: (chunk: number) => ChunkLocation): InodeValue {
  const value: InodeValue = {
    ino: node.ino,
    mode: modeValue(node, location),
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

function modeValue(node: TreeNode, location: (chunk: number) => ChunkLocation): InodeModeValue {
  const { kind, major, minor } = node;
  switch (kind) {
    case "file":
      return { kind, file: fileChunks(node.pieces, location) };
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

function fileChunks(pieces: Pieces, location: (chunk: number) => ChunkLocation): FileChunkValue[] {
  const chunks: FileChunkValue[] = [];
  for (let index = 0; index < pieces.length; index += 3) {
    const { blob, offset, compressed } = location(pieces[index]);
    chunks.push({
      blob: { digest: blob.digest, offset: offset + pieces[index + 1], compressed },
      len: pieces[index + 2],
    });
  }
  return chunks;
}

/**
 * The chunks and blobs that an image can reach, each once. Blobs come out sorted by digest: the same
 * image lists them in the same order, with any base.
 */
export class Reachable {
  #blobs = new Map<string, Blob>();
  #rows = new Map<ChunkLocation, ChunkValue>();
  #locations = new Set<ChunkLocation>();

  add(location: ChunkLocation): void {
    if (this.#locations.has(location)) return;
    this.#locations.add(location);
    const { blob } = location;
    const known = this.#blobs.get(blob.hex);
    if (known === undefined) this.#blobs.set(blob.hex, blob);
    else if (known !== blob) {
      // The same bytes can be one chunk compressed and another chunk raw; the blob is listed as compressed then.
      const compressed = blob.compressed || known.compressed;
      const temporary = blob.temporary ?? known.temporary;
      this.#blobs.set(blob.hex, { ...blob, compressed, temporary, replaces: blob.replaces || known.replaces });
    }
    if (location.row !== undefined) this.#rows.set(location, location.row);
  }

  get chunkCount(): number {
    return this.#locations.size;
  }

  blobs(): Blob[] {
    return [...this.#blobs.values()].sort((a, b) => (a.hex < b.hex ? -1 : 1));
  }

  /** The chunk table, ascending by blob and offset. */
  chunkTable(): ChunkValue[] {
    return [...this.#rows]
      .sort(([a], [b]) => (a.blob.hex === b.blob.hex ? a.offset - b.offset : a.blob.hex < b.blob.hex ? -1 : 1))
      .map(([, row]) => row);
  }
}

/** The metadata of an image with these layers, newest first. */
export function rootfsValue(
  layers: readonly { inodes: readonly InodeValue[] }[],
  blobs: readonly Blob[],
  chunks: readonly ChunkValue[],
): RootfsValue {
  const value: RootfsValue = { metadatas: layers, fsVerityData: blobs, manifestVersion: MANIFEST_VERSION };
  return chunks.length === 0 ? value : { ...value, chunks };
}
