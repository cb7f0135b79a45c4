import type { BlobStore } from "@puzzlefs/oci";
import { fileRuns, runsOf } from "./image-counts.ts";
import { type ImageTree, visibleInodes } from "./image-tree.ts";
import { walkTree } from "./walk-tree.ts";

/** Regular files, and bytes. A file with hard links counts where a walk of the tree meets it first. */
export interface FileBytes {
  files: number;
  /** Sum of file sizes. */
  content: number;
  /** The files' parts of the stored blobs. */
  stored: number;
}

/** A directory of an image, with the files in it and below. */
export interface DirectoryBytes extends FileBytes {
  /** Empty for the root. */
  name: Uint8Array;
  /** The files in the directory itself. */
  own: FileBytes;
  directories: DirectoryBytes[];
}

interface Chunk {
  /** Stored bytes; undefined: not in the store. */
  size: number | undefined;
  /** Sum of the runs that refer to it, and what of it the walk has met. */
  length: number;
  met: number;
}

/** The chunks that the content of an image is stored in, and the directories to which their bytes belong. */
export class StoredContent {
  readonly #tree: ImageTree;
  readonly #chunks = new Map<string, Chunk>();

  /** @param store has the sizes of the image's blobs */
  constructor(tree: ImageTree, store: Pick<BlobStore, "size">) {
    this.#tree = tree;
    for (const { mode } of visibleInodes(tree.metadata)) {
      if (mode.kind !== "file") continue;
      for (const { blob, length } of runsOf(mode.file)) {
        let chunk = this.#chunks.get(blob);
        if (chunk === undefined) this.#chunks.set(blob, (chunk = { size: store.size(blob), length: 0, met: 0 }));
        chunk.length += length;
      }
    }
  }

  /** Stored bytes of each chunk, by hex digest; undefined: not in the store. */
  *chunks(): Generator<[digest: string, size: number | undefined]> {
    for (const [digest, { size }] of this.#chunks) yield [digest, size];
  }

  /**
   * The root directory. A blob to which several runs refer is divided among them in proportion to their lengths, in whole
   * bytes, so that the parts add up to the blobs that are in the store.
   */
  directories(): DirectoryBytes {
    for (const chunk of this.#chunks.values()) chunk.met = 0;
    const seen = new Set<number>();
    const open: DirectoryBytes[] = [];
    const root = emptyDirectory(new Uint8Array(0));
    walkTree(this.#tree, {
      enter: ({ name, attributes: { ino, kind, size: content } }) => {
        const parent = open.at(-1);
        if (kind === "dir") {
          const directory = parent === undefined ? root : emptyDirectory(name);
          parent?.directories.push(directory);
          open.push(directory);
        } else if (kind === "file" && parent !== undefined && !seen.has(ino)) {
          seen.add(ino);
          addFiles(parent.own, { files: 1, content, stored: this.#storedPart(ino) });
        }
      },
      leave: () => {
        const directory = open.pop() as DirectoryBytes;
        addFiles(directory, directory.own);
        const parent = open.at(-1);
        if (parent !== undefined) addFiles(parent, directory);
      },
    });
    return root;
  }

  #storedPart(ino: number): number {
    let stored = 0;
    for (const { blob, length } of fileRuns(this.#tree.metadata, ino)) {
      const chunk = this.#chunks.get(blob) as Chunk;
      const before = partOf(chunk);
      chunk.met += length;
      stored += partOf(chunk) - before;
    }
    return stored;
  }
}

/** What the walk has met of a chunk, in stored bytes. */
function partOf({ size = 0, length, met }: Chunk): number {
  return met >= length ? size : Math.floor((size * met) / length);
}

function emptyDirectory(name: Uint8Array): DirectoryBytes {
  const none = { files: 0, content: 0, stored: 0 };
  return { name, ...none, own: { ...none }, directories: [] };
}

function addFiles(sum: FileBytes, { files, content, stored }: FileBytes): void {
  sum.files += files;
  sum.content += content;
  sum.stored += stored;
}
