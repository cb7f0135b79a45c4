import { findInode, isHole, ZERO_BLOB_DIGEST, type FileChunk, type StructList } from "@puzzlefs/format";
import { LayoutError, referencedBlobs, type BlobStore } from "@puzzlefs/oci";
import { sortedEntries, type Attributes, type ImageHeader, type ImageTree } from "@puzzlefs/reader";

import { addPiece, holeChunk, noPieces, type Pieces } from "./pieces.ts";
import type { Blob } from "./image-blob.ts";
import { hashBlob } from "./hash-blob.ts";

/** Numbers of stored chunks go down from here; those of new ones go up from 0. */
const firstStored = holeChunk - 1;

interface SmallFile {
  readonly pieces: Pieces;
  readonly size: number;
}

/** A blob as the manifest lists it. */
interface Listed {
  size: number | undefined;
  compressed: boolean;
}

/** The position of a byte among the small files of an image: the number of the file, and the offset in it. */
export interface SmallPosition {
  file: number;
  offset: number;
}

/**
 * The chunks of an image, for a new image in the same layout that has files of it unchanged. They are not read: a copy
 * of the files' runs refers to them.
 */
export class StoredChunks {
  /**
   * Whether the image's content is cut as `build` cuts it: each large file on its own, the small ones as one stream in the
   * order of the walk. Then a new image can be cut so too, by reading only what is near to a change.
   */
  readonly isCanonical: boolean;
  /** Has the chunks. */
  readonly blobs: BlobStore;
  readonly #listed = new Map<string, Listed>();
  readonly #verity = new Map<string, Uint8Array>();
  readonly #numbers = new Map<string, number>();
  readonly #blobs: { hex: string; compressed: boolean; found: Blob | undefined }[] = [];
  readonly #small: SmallFile[] = [];
  readonly #large = new Map<number, Pieces>();
  readonly #positions = new Map<number, number>();
  readonly #tree: ImageTree;

  /**
   * Goes through the metadata once, in the order of a walk.
   *
   * @param image its manifest, and the store of its chunks
   * @param least bytes of the smallest large file
   */
  constructor(tree: ImageTree, { manifest, blobs }: Pick<ImageHeader, "manifest" | "blobs">, least: number) {
    this.#tree = tree;
    this.blobs = blobs;
    for (const { digest, size, type } of referencedBlobs(manifest, `manifest sha256:${tree.manifestDigest}`))
      if (digest !== undefined) this.#listed.set(digest, { size, compressed: type === "compressed-chunk" });
    for (const { digest, verity } of tree.metadata.image.fsVerityData)
      this.#verity.set(Buffer.from(digest.toUint8Array()).toString("hex"), verity.toUint8Array());
    this.isCanonical = this.#readFiles(least);
  }

  /** The content of a regular file. */
  pieces(ino: number): Pieces {
    const position = this.#positions.get(ino);
    return position === undefined ? (this.#large.get(ino) ?? this.#piecesOf(ino)) : this.#small[position].pieces;
  }

  /** The position of a file among the small ones; undefined for a large or empty one. */
  position(ino: number): number | undefined {
    return this.#positions.get(ino);
  }

  /** Number of small files. */
  get smallFiles(): number {
    return this.#small.length;
  }

  /** The small file at a position. */
  small(position: number): SmallFile {
    return this.#small[position];
  }

  /** Whether a chunk of the small files begins there. */
  isBoundary({ file, offset }: SmallPosition): boolean {
    const { pieces } = this.#small[file];
    for (let index = 0, at = 0; index < pieces.length && at <= offset; at += pieces[index + 2], index += 3)
      if (at === offset) return pieces[index + 1] === 0;
    return false;
  }

  /** Where the chunk that begins there ends, which is not before a file; undefined for the last chunk, which ends with the stream. */
  chunkEnd(start: SmallPosition): SmallPosition | undefined {
    for (let { file } = start; file < this.#small.length; file++) {
      const { pieces } = this.#small[file];
      for (let index = 0, at = 0; index < pieces.length; at += pieces[index + 2], index += 3) {
        if (pieces[index + 1] !== 0 || (file === start.file && at <= start.offset)) continue;
        return at > 0 ? { file, offset: at } : { file: file - 1, offset: this.#small[file - 1].size };
      }
    }
    return undefined;
  }

  /** The blob of a chunk; undefined for numbers of other chunks. Throws LayoutError (missing). */
  blob(chunk: number): Blob | undefined {
    if (chunk > firstStored) return undefined;
    const known = this.#blobs[firstStored - chunk];
    return (known.found ??= this.#find(known.hex, known.compressed));
  }

  #find(hex: string, compressed: boolean): Blob {
    const listed = this.#listed.get(hex);
    // The Rust tool does not list the blobs of a base.
    const size = listed?.size ?? this.blobs.size(hex);
    // It lists raw blobs of a compressed image as compressed, and records another digest for them.
    const isTrusted = listed !== undefined && listed.compressed === compressed;
    const verity = (isTrusted ? this.#verity.get(hex) : undefined) ?? hashBlob(this.blobs, hex)?.verity;
    if (size === undefined || verity === undefined)
      throw new LayoutError("missing", `sha256:${hex}`, "no such blob, or it is damaged");
    const digest = Buffer.from(hex, "hex");
    return { digest, hex, verity, size, compressed, temporary: undefined, replaces: false };
  }

  /** Numbers the small files; returns whether all content is cut as `build` does it. */
  #readFiles(least: number): boolean {
    const seen = new Set<number>();
    const stream = new CutStream((chunk) => this.#rawSize(chunk));
    let isCut = true;
    const stack = [1];
    for (let directory = stack.pop(); directory !== undefined; directory = stack.pop()) {
      const subdirectories: number[] = [];
      for (const { ino, kind, attributes } of sortedEntries(this.#tree, directory)) {
        if (kind === "dir") subdirectories.push(ino);
        if (kind !== "file") continue;
        const { size, nlink } = attributes as Attributes;
        if (size === 0 || (nlink > 1 && seen.has(ino))) continue;
        if (nlink > 1) seen.add(ino);
        const pieces = this.#piecesOf(ino);
        if (size >= least) {
          this.#large.set(ino, pieces);
          isCut &&= pieces.every((value, index) => index % 3 !== 1 || value === 0 || pieces[index - 1] === holeChunk);
          isCut &&= this.#areWhole(pieces);
          continue;
        }
        this.#positions.set(ino, this.#small.length);
        this.#small.push({ pieces, size });
        isCut &&= stream.add(pieces);
      }
      stack.push(...subdirectories.reverse());
    }
    return isCut && stream.end();
  }

  /** Whether raw chunks of a large file are used to their ends. */
  #areWhole(pieces: Pieces): boolean {
    for (let index = 0; index < pieces.length; index += 3)
      if ((this.#rawSize(pieces[index]) ?? pieces[index + 2]) !== pieces[index + 2]) return false;
    return true;
  }

  /** Bytes of a chunk that is not compressed. */
  #rawSize(chunk: number): number | undefined {
    if (chunk > firstStored) return undefined;
    const { hex, compressed } = this.#blobs[firstStored - chunk];
    return compressed ? undefined : this.#listed.get(hex)?.size;
  }

  #piecesOf(ino: number): Pieces {
    const mode = findInode(this.#tree.metadata.image, ino)?.mode;
    if (mode?.kind !== "file") throw new Error(`inode ${ino} is not a regular file`);
    return this.#numbered(mode.file);
  }

  #numbered(chunks: StructList<FileChunk>): Pieces {
    const file = { pieces: noPieces };
    for (const chunk of chunks) {
      const { blob, len } = chunk;
      if (len === 0) continue;
      const number = isHole(chunk, ZERO_BLOB_DIGEST)
        ? holeChunk
        : this.#number(blob.digest.toUint8Array(), blob.compressed);
      addPiece(file, number, number === holeChunk ? 0 : blob.offset, len);
    }
    return file.pieces;
  }

  #number(digest: Uint8Array, compressed: boolean): number {
    const hex = Buffer.from(digest.buffer, digest.byteOffset, digest.length).toString("hex");
    const key = compressed ? `${hex}c` : hex;
    let number = this.#numbers.get(key);
    if (number !== undefined) return number;
    number = firstStored - this.#blobs.length;
    this.#blobs.push({ hex, compressed, found: undefined });
    this.#numbers.set(key, number);
    return number;
  }
}

/** Checks that the pieces of small files follow one another in the chunks of one stream. */
class CutStream {
  readonly #rawSize: (chunk: number) => number | undefined;
  #chunk = 0;
  #end = 0;

  /** @param rawSize bytes of a chunk, where they are known */
  constructor(rawSize: (chunk: number) => number | undefined) {
    this.#rawSize = rawSize;
  }

  add(pieces: Pieces): boolean {
    for (let index = 0; index < pieces.length; index += 3) {
      const [chunk, offset, length] = [pieces[index], pieces[index + 1], pieces[index + 2]];
      if (chunk === holeChunk) return false;
      if (offset === 0) {
        if (!this.end()) return false;
      } else if (chunk !== this.#chunk || offset !== this.#end) return false;
      this.#chunk = chunk;
      this.#end = offset + length;
    }
    return true;
  }

  /** Whether the chunk that was met last is complete. */
  end(): boolean {
    return this.#end === 0 || (this.#rawSize(this.#chunk) ?? this.#end) === this.#end;
  }
}
