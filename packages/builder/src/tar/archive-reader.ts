import { deviceFits } from "@puzzlefs/format";
import { ArchiveInput, type Reading } from "./archive-input.ts";
import { BLOCK_BYTES, isZero, parseHeader, type Header } from "./header.ts";
import { ArchiveError, type LayerFailure } from "./layer-error.ts";
import { ownerProblem, readExtension, type Extension } from "./member-attributes.ts";
import type { Member, MemberKind } from "./member.ts";
import { parseRecords } from "./pax.ts";
import { mappedBytes, type SparseMap } from "./sparse-map.ts";
import { MOST_PIECES, readMapBefore, readOldMap } from "./sparse-reading.ts";

/** Takes what is in an archive. */
export interface ArchiveHandler {
  /** The next bytes of the content of the member that member() is called for afterwards; not kept. */
  data(bytes: Uint8Array): void;
  /** A member whose content has come: without its holes, if it has a map. */
  member(member: Omit<Member, "content">, map: SparseMap | undefined): void;
  /** Something that is not taken over. */
  ignored(what: string, name: string): void;
}

/** The longest extended header, and the longest name of GNU tar; the limit of Go's reader, which container tools use. */
const LONGEST_EXTENSION = 1 << 20;
/** Pieces between the holes of all files of an archive. */
const MOST_PIECES_TOGETHER = 1 << 22;

const kinds: Readonly<Record<string, MemberKind>> = {
  "\0": "file",
  "0": "file",
  "1": "link",
  "2": "lnk",
  "3": "chr",
  "4": "blk",
  "5": "dir",
  "6": "fifo",
  "7": "file",
  S: "file",
};

/** A header to which its extended header has been applied. */
interface WholeHeader extends Header {
  mtimeNanoseconds: number;
}

/**
 * Reads a tar archive that arrives in pieces of any size: POSIX (ustar, pax), GNU, star and v7, long names, extended attributes, and sparse
 * files of all versions. Its memory does not depend on the archive, but for one extended header and the maps of sparse files.
 * A member that it does not understand is an error. Throws ArchiveError.
 */
export class ArchiveReader {
  readonly #handler: ArchiveHandler;
  readonly #input = new ArchiveInput();
  readonly #reading = this.#archive();
  #pieces = 0;
  /** Of the first header of the member that is being read. */
  #start = 0;

  constructor(handler: ArchiveHandler) {
    this.#handler = handler;
  }

  /** The next bytes of the archive; they are not kept. */
  write(piece: Buffer): void {
    this.#input.put(piece);
    this.#reading.next();
  }

  /** The archive has ended. */
  end(): void {
    this.#input.end();
    this.#reading.next();
  }

  *#archive(): Reading<void> {
    for (;;) {
      this.#start = this.#input.offset;
      const block = yield* this.#input.bytes(BLOCK_BYTES, true);
      // Two blocks of zeros end an archive; container tools accept one, or none. What follows is not looked at.
      if (block === undefined || isZero(block)) return yield* this.#input.rest();
      yield* this.#next(block);
    }
  }

  /** A member with the headers that extend it, or a global header. */
  *#next(first: Buffer): Reading<void> {
    let extension: Extension | undefined;
    let longName: string | undefined;
    let longLink: string | undefined;
    let block = first;
    let header = this.#header(block);
    while (header.type === "x" || header.type === "L" || header.type === "K" || header.type === "g") {
      const text = yield* this.#extended(header);
      if (header.type === "x") extension = this.#records(text);
      else if (header.type === "L") longName = untilNul(text);
      else if (header.type === "K") longLink = untilNul(text);
      else this.#global(text);
      if (header.type === "g" && block === first) return;
      block = yield* this.#input.bytes(BLOCK_BYTES);
      if (isZero(block)) throw this.#error("corrupt", "an extended header without a member");
      header = this.#header(block);
    }
    const name = longName ?? extension?.path ?? header.name;
    const linkName = longLink ?? extension?.linkPath ?? header.linkName;
    for (const what of extension?.ignored ?? []) this.#handler.ignored(what, name);
    yield* this.#member({ ...header, ...replaced(extension), name, linkName }, extension, block);
  }

  *#member(header: WholeHeader, extension: Extension | undefined, block: Buffer): Reading<void> {
    const { name, linkName, type, uid, gid, permissions, mtime, major, minor, mtimeNanoseconds } = header;
    const kind = type === "\0" && name.endsWith("/") ? "dir" : kinds[type];
    if (kind === undefined) throw this.#error("unsupported", `a member of type ${JSON.stringify(type)}`);
    const isDevice = kind === "chr" || kind === "blk";
    const problem = ownerProblem(header);
    if (problem !== undefined) throw this.#error("unsupported", problem);
    if (isDevice && !deviceFits(major, minor)) throw this.#error("unsupported", `device number ${major}:${minor}`);
    const member = {
      offset: this.#start,
      name,
      kind,
      linkName,
      uid,
      gid,
      permissions,
      major: isDevice ? major : 0,
      minor: isDevice ? minor : 0,
      mtimeSeconds: mtime,
      mtimeNanoseconds,
      size: 0,
      xattrs: extension?.xattrs ?? [],
    };
    // As with Go's reader, all but files have no content, whatever their size is.
    if (kind !== "file") return this.#handler.member(member, undefined);
    const content = yield* this.#content(header, extension, block);
    this.#handler.member({ ...member, size: content.size }, content.map);
  }

  /** Passes the content of a file on; returns its size and the map of its holes. */
  *#content(
    { type, size, isGnu }: WholeHeader,
    extension: Extension | undefined,
    block: Buffer,
  ): Reading<{ size: number; map: SparseMap | undefined }> {
    const take = (bytes: Buffer): void => this.#handler.data(bytes);
    const sparse = extension?.sparse;
    if (type !== "S" && sparse === undefined) {
      yield* this.#input.data(size, size, take);
      return { size, map: undefined };
    }
    if (type === "S" && !isGnu) throw this.#error("unsupported", "a sparse file in another format than GNU tar's");
    const found =
      type === "S"
        ? yield* readOldMap(this.#input, block)
        : sparse?.map === undefined
          ? yield* readMapBefore(this.#input, size, sparse?.size ?? 0)
          : { builder: sparse.map, mapBytes: 0, realSize: sparse.size };
    const pieces = found?.builder.count ?? 0;
    this.#pieces += pieces;
    if (pieces > MOST_PIECES || this.#pieces > MOST_PIECES_TOGETHER)
      throw this.#error("limit", `more than ${MOST_PIECES} pieces of a sparse file, or ${MOST_PIECES_TOGETHER} of all`);
    const map = found?.builder.finish(found.realSize);
    if (found === undefined || map === undefined || mappedBytes(map) !== size - found.mapBytes)
      throw this.#error("corrupt", "the map of a sparse file is wrong, or does not fit its size");
    yield* this.#input.data(size - found.mapBytes, size, take);
    return { size: found.realSize, map };
  }

  /** Content of an extended header. */
  *#extended({ size, type }: Header): Reading<Buffer> {
    if (size > LONGEST_EXTENSION)
      throw this.#error("limit", `an extended header (${type}) of ${size} bytes; ${LONGEST_EXTENSION} at most`);
    const pieces: Buffer[] = [];
    yield* this.#input.data(size, size, (bytes) => pieces.push(Buffer.from(bytes)));
    return Buffer.concat(pieces);
  }

  #records(text: Buffer): Extension {
    const records = parseRecords(text);
    const extension = records === undefined ? "it is not made of records" : readExtension(records);
    if (typeof extension === "string") throw this.#error("corrupt", `extended header: ${extension}`);
    return extension;
  }

  /** Container tools ignore global records; git puts the id of the commit there. */
  #global(text: Buffer): void {
    const records = parseRecords(text);
    if (records === undefined) throw this.#error("corrupt", "global extended header: it is not made of records");
    if (records.some(({ key }) => key !== "comment")) this.#handler.ignored("global extended header", "/");
  }

  #header(block: Buffer): Header {
    const header = parseHeader(block);
    if (typeof header === "string") throw this.#error("corrupt", header);
    return header;
  }

  #error(kind: LayerFailure, problem: string): ArchiveError {
    return new ArchiveError(kind, this.#start, problem);
  }
}

/** Fields of a header that an extended header replaces. */
function replaced(extension: Extension | undefined): Partial<Header> & { mtimeNanoseconds: number } {
  const { size, uid, gid, mtimeSeconds, mtimeNanoseconds = 0 } = extension ?? {};
  return {
    ...(size !== undefined && { size }),
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
    ...(mtimeSeconds !== undefined && { mtime: mtimeSeconds }),
    mtimeNanoseconds,
  };
}

function untilNul(text: Buffer): string {
  const end = text.indexOf(0);
  return text.toString("latin1", 0, end === -1 ? text.length : end);
}
