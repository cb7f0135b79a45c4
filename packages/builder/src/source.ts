import type { InodeKind } from "@puzzlefs/reader";

import type { Pieces } from "./pieces.ts";
import type { Omissions } from "./omissions.ts";
import type { StoredChunks } from "./stored-chunks.ts";

/**
 * A tree to build an image of. The builder numbers what a source delivers, applies the policies for times and attributes, cuts
 * and stores content; it does not depend on where they come from. `DirectorySource`, `ImageSource`, `OverlaySource` and `LayerSource`
 * exist. How others work:
 *
 * - A tar stream: members come in any order, the last one of a name counts, and a hard link names an earlier member. So
 *   content is first copied into a temporary file and the headers make a tree in memory; then the tree is walked in the order
 *   that is demanded here, and content is read from the file, as `LayerSource` does it. What an image cannot have is an omission.
 *
 * Everything is synchronous; the builder returns to the event loop between entries, and wherever `content`
 * yields. Data that arrive asynchronously are awaited before the build, or by another thread.
 */
export interface Source {
  /** For messages: a path or a reference. */
  readonly name: string;
  /** The chunks of an image that `stored` of its entries refers to. */
  readonly stored?: StoredChunks;
  /**
   * The root, then directory by directory, depth first, the entries of each in byte order of their names: all entries of a
   * directory come before those of its first subdirectory. An entry is valid until the next is asked for; that of a directory
   * then serves as the `directory` of others.
   *
   * Throws BuildError: it cannot be read, or it changed meanwhile.
   *
   * @param omissions records what the tree has and the source does not deliver
   */
  entries(omissions: Omissions): Iterable<SourceEntry>;
}

/** A name in a tree, and the inode behind it. Strings are latin1: one character a byte. */
export interface SourceEntry {
  /** Undefined for the root. */
  readonly directory: SourceEntry | undefined;
  /** Empty for the root. */
  readonly name: string;
  /** For messages. */
  readonly path: string;
  readonly kind: InodeKind;
  readonly uid: number;
  readonly gid: number;
  /** The 12 permission bits. */
  readonly permissions: number;
  /** Device number of chr and blk, otherwise 0. */
  readonly major: number;
  readonly minor: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
  /** Bytes of content of a file, otherwise 0. */
  readonly size: number;
  /** Entries with the same text are names of one inode; the first of them has its attributes. Undefined: this is the only name. */
  readonly link: string | undefined;
  /** The target of a lnk. */
  readlink(): Buffer;
  /** Extended attributes, in any order. Only those are read whose name `accepts` takes. */
  xattrs(accepts: (name: Buffer) => boolean): readonly SourceXattr[];
  /**
   * Puts `size` bytes of content into `sink`. Returns undefined if that is done; otherwise what does the rest, and yields
   * wherever the caller may do something else.
   */
  content(sink: ContentSink): Iterable<void> | undefined;
  /** For a file whose content the layout has already: then `content` is not called. */
  readonly stored?: StoredContent | undefined;
}

/** Content of a file of an image. It stays valid. */
export interface StoredContent {
  /** As the image has it; numbers of chunks are those of StoredChunks. */
  readonly pieces: Pieces;
  /** Position among the small files of the image, in the order of a walk; undefined for a large or empty file. */
  readonly position: number | undefined;
  /** Puts the content from byte `from` on into `sink`. */
  content(sink: ContentSink, from: number): Iterable<void>;
}

export interface SourceXattr {
  readonly key: Buffer;
  readonly val: Buffer;
}

/** Takes the content of a file, from its start to its end. */
export interface ContentSink {
  /** The memory that `reserve` returns addresses of. */
  readonly memory: Uint8Array<SharedArrayBuffer>;
  /** Room for the next bytes: its address, and its size, which is enough for `wanted` bytes or for a read worth making. */
  reserve(wanted: number): { address: number; room: number };
  /** `count` bytes have been written to the address that `reserve` returned. */
  advance(count: number): void;
  /** The next `length` bytes are a hole. */
  hole(length: number): void;
}
