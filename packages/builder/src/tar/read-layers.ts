import { createHash } from "node:crypto";

import { ZERO_BLOB_BYTES } from "@puzzlefs/format";
import { printable } from "@puzzlefs/linux";
import type { BlobStore, Turns } from "@puzzlefs/oci";

import { Omissions } from "../omissions.ts";
import { ArchiveReader, type ArchiveHandler } from "./archive-reader.ts";
import { decompressed, LayerBlob, type Compression } from "./layer-blob.ts";
import { ArchiveError, LayerError } from "./layer-error.ts";
import { LayeredTree } from "./layered-tree.ts";
import { keptHoles, mappedBytes, type SparseMap } from "./sparse-map.ts";
import type { Member } from "./member.ts";
import type { Spool } from "./spool.ts";

/** A layer of an ordinary image. */
export interface LayerRequest {
  /** Hex sha256 of the blob. */
  digest: string;
  /** Stored bytes. */
  size: number;
  compression: Compression;
  /** Hex sha256 of the uncompressed archive. */
  diffId: string;
}

/** What has been read of the layers. */
export interface LayersRead {
  /** Stored bytes. */
  bytes: number;
  /** Uncompressed bytes of the archives. */
  archiveBytes: number;
  members: number;
}

/** Bytes of a name in messages. */
const LONGEST_SHOWN = 1000;
/** For which a directory counts that no layer has a header for, and a hole of 1 GiB: they take memory as if they had a header. */
const IMPLIED_BYTES = 512;

/**
 * Reads the layers, the lowest first, into a tree and a spool. Each blob is checked against its digest, each archive against its diff id.
 * `limit`: uncompressed bytes of all layers together. Throws LayerError, and LayoutError for a blob that is missing or damaged.
 */
export class LayersReader implements ArchiveHandler {
  readonly tree: LayeredTree;
  readonly omissions = new Omissions();
  readonly read: LayersRead = { bytes: 0, archiveBytes: 0, members: 0 };
  readonly #blobs: BlobStore;
  readonly #spool: Spool;
  readonly #limit: number;
  readonly #keepsHoles: boolean;
  /** Counted against the limit. */
  #used = 0;
  /** Bytes of the archive that has been read, for messages. */
  #offset = 0;
  /** Of the content of the next member, in the spool. */
  #start = 0;
  /** Of the member that is being applied, for messages. */
  #name = "";

  /** @param keepsHoles whether the image will have holes, and not zeros in their stead */
  constructor(blobs: BlobStore, spool: Spool, limit: number, keepsHoles: boolean) {
    this.#blobs = blobs;
    this.#spool = spool;
    this.#limit = limit;
    this.#keepsHoles = keepsHoles;
    this.tree = new LayeredTree((implied) => this.#use(implied * IMPLIED_BYTES));
  }

  /** Adds a layer; `progress` is called now and then. */
  async add(layer: LayerRequest, turns: Turns, progress: (read: LayersRead) => void): Promise<void> {
    using blob = new LayerBlob(this.#blobs, layer.digest, layer.size);
    const before = this.read.bytes;
    const report = (): void => {
      this.read.bytes = before + blob.read;
      progress(this.read);
    };
    try {
      const diffId = await this.#readArchive(layer, blob, turns, report);
      await this.#finish(blob, turns);
      if (diffId === layer.diffId) return;
      const problem = `its archive has sha256 ${diffId}, the configuration lists it with ${layer.diffId}`;
      throw new LayerError("corrupt", layer.digest, this.#offset, problem);
    } catch (error) {
      // If the blob is damaged, that is the reason.
      if (error instanceof LayerError && error.kind !== "limit") await this.#finish(blob, turns);
      throw error;
    } finally {
      report();
    }
  }

  /** Returns the digest of the archive. */
  async #readArchive(layer: LayerRequest, blob: LayerBlob, turns: Turns, report: () => void): Promise<string> {
    const { digest, compression } = layer;
    const hash = createHash("sha256");
    const archive = new ArchiveReader(this);
    this.tree.beginLayer();
    this.#offset = 0;
    const failed = (problem: string, cause: unknown): LayerError =>
      new LayerError("corrupt", digest, this.#offset, problem, cause);
    if (layer.size === 0 && compression !== "none")
      throw failed(`cannot decompress (${compression}): it is empty`, undefined);
    try {
      for await (const piece of decompressed(blob.pieces(), compression, failed)) {
        hash.update(piece);
        this.#use(piece.length);
        archive.write(piece);
        this.#offset += piece.length;
        this.read.archiveBytes += piece.length;
        report();
        if (turns.isDue) await turns.take();
      }
      archive.end();
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error;
      throw new LayerError(error.kind, digest, error.offset, this.#described(error), error);
    }
    return hash.digest("hex");
  }

  /** Reads the rest of a blob, and compares its digest. */
  async #finish(blob: LayerBlob, turns: Turns): Promise<void> {
    for (const _ of blob.pieces()) if (turns.isDue) await turns.take();
    blob.verify();
  }

  data(bytes: Uint8Array): void {
    this.#spool.append(bytes);
  }

  member(member: Omit<Member, "content">, map: SparseMap | undefined): void {
    const position = this.#start;
    this.#start = this.#spool.size;
    this.#name = member.name;
    this.read.members++;
    if (map !== undefined) this.#use(this.#costOfHoles(map, member.size));
    const why = this.tree.apply({ ...member, content: member.kind === "file" ? { position, map } : undefined });
    this.#name = "";
    if (why !== undefined) this.omissions.add("name of aufs", why, pathOf(member.name));
  }

  ignored(what: string, name: string): void {
    this.omissions.add(what, reasons[what] ?? "images do not have it", pathOf(name));
  }

  /** Bytes that count for holes: zeros that are cut like content, and the runs of an image that are holes. */
  #costOfHoles(map: SparseMap, size: number): number {
    const holes = size - mappedBytes(map);
    if (!this.#keepsHoles) return holes;
    let kept = 0;
    for (const [from, to] of keptHoles(map, size)) kept += to - from;
    return holes - kept + Math.ceil(kept / ZERO_BLOB_BYTES) * IMPLIED_BYTES;
  }

  #use(bytes: number): void {
    this.#used += bytes;
    if (this.#used > this.#limit)
      throw new ArchiveError(
        "limit",
        this.#offset,
        `more than ${this.#limit} bytes are unpacked in all (--limit permits more)`,
      );
  }

  #described(error: ArchiveError): string {
    if (this.#name === "") return error.message;
    const name = this.#name.length > LONGEST_SHOWN ? `${this.#name.slice(0, LONGEST_SHOWN)}...` : this.#name;
    return `${printable(Buffer.from(name, "latin1"))}: ${error.message}`;
  }
}

const reasons: Readonly<Record<string, string>> = {
  "access control list as text": "container tools take lists from the attributes system.posix_acl_* only",
  "attribute in a record of libarchive": "container tools take attributes from records of SCHILY only",
  "inode flags": "images do not have them",
  "global extended header": "container tools ignore it",
  "unknown record of an extended header": "it is of another program",
};

/** As other messages show it; latin1. */
function pathOf(name: string): string {
  return `/${name.replace(/^(?:\.?\/)+/, "")}`;
}
