import { contentBytes, findVerity } from "./generated/content.ts";
import { checkInode, checkParent } from "./generated/firstuse.ts";
import { countRecords, openLayers, resolveInode } from "./generated/layers.ts";
import type { InodeRecord, Layers } from "./generated/layers.ts";
import type { Inode, Rootfs } from "./generated/metadata.ts";
import { indexNames } from "./generated/nameindex.ts";
import { imageTraits, recordedLinks, recordsTree } from "./generated/recorded.ts";
import { validate } from "./generated/validate.ts";
import { FormatError } from "./errors.ts";
import { ZERO_BLOB_DIGEST } from "./holes.ts";

/** The metadata of an image. Its methods throw FormatError where the image breaks a rule. */
export interface Metadata {
  readonly image: Rootfs;
  /** Where look-ups in the image begin. */
  readonly layers: Layers;
  /** Visible inodes. */
  readonly inodes: number;
  /** Bytes of all visible files, each once. */
  readonly contentBytes: number;
  /** What some visible inode has: TRAIT_XATTRS and the others. */
  readonly traits: number;
  /** The index of the names that their builder did not sort, for `findName`; empty for most images. */
  readonly index: Uint32Array;
  /** Whether files may have holes: the image records a fs-verity digest of the blob of zeros, as of every blob. */
  readonly hasHoles: boolean;
  /** A visible inode that breaks no rule. */
  find(ino: number): InodeRecord | undefined;
  /** Checks an inode that directory `directory` shows. */
  checkChild(child: Inode, directory: number): void;
  /** Number of links of an inode that `find` returned. */
  linksOf(record: InodeRecord): number;
  /** Number of the parent of a directory that `find` returned; the root is its own. */
  parentOf(record: InodeRecord): number;
  /** The image, all of it checked. */
  whole(): WholeMetadata;
}

/** Metadata that break no rule, and the results of checking them. */
export class WholeMetadata implements Metadata {
  readonly image: Rootfs;
  readonly layers: Layers;
  readonly inodes: number;
  readonly index: Uint32Array;
  readonly hasHoles: boolean;
  /** Number of links of each visible inode, by the ordinal that resolveInode and nextName return. */
  readonly links: Uint32Array;
  readonly #parents: Float64Array;
  #contentBytes: number | undefined;
  #traits: number | undefined;

  /** @param image its encoding has been checked. Throws FormatError. */
  constructor(image: Rootfs) {
    const records = countRecords(image);
    this.image = image;
    this.layers = openLayers(image);
    this.links = new Uint32Array(records);
    this.#parents = new Float64Array(records);
    const found = validate(image, this.links, this.#parents, new Float64Array(records));
    this.inodes = found.inodes;
    this.index = new Uint32Array(found.index);
    if (found.unsorted > 0) indexNames(image, found.unsorted, this.index);
    this.hasHoles = mayHaveHoles(image);
  }

  get contentBytes(): number {
    // What is recorded has been compared with the tree.
    this.#contentBytes ??= recordsTree(this.image) ? this.image.contentBytes : contentBytes(this.image, this.links);
    return this.#contentBytes;
  }

  get traits(): number {
    this.#traits ??= recordsTree(this.image) ? this.image.traits : imageTraits(this.image, this.links);
    return this.#traits;
  }

  find(ino: number): InodeRecord | undefined {
    const record = resolveInode(this.layers, ino);
    return record !== undefined && this.links[record.ordinal] !== 0 ? record : undefined;
  }

  checkChild(): void {
    // The tree has been walked.
  }

  linksOf({ ordinal }: InodeRecord): number {
    return this.links[ordinal] as number;
  }

  parentOf({ ordinal }: InodeRecord): number {
    return this.#parents[ordinal] as number;
  }

  whole(): WholeMetadata {
    return this;
  }
}

/** Words of an inode of ordinary size. */
const REFUNDED_WORDS = 1024;
const noIndex = new Uint32Array();

/** Metadata that record their tree: each inode is checked at its first use, so that opening takes the same time for any size. */
export class RecordedMetadata implements Metadata {
  readonly image: Rootfs;
  readonly layers: Layers;
  readonly inodes: number;
  readonly contentBytes: number;
  readonly traits: number;
  readonly index = noIndex;
  readonly hasHoles: boolean;
  readonly #object: string;
  readonly #work: Float64Array;
  /** A bit for each inode record. */
  readonly #checked: Uint8Array;
  readonly #validate: () => WholeMetadata;
  #whole: WholeMetadata | undefined;

  /**
   * @param image its outline has been checked, with `work`
   * @param object the name in errors
   * @param check validates all of it
   */
  constructor(image: Rootfs, work: Float64Array, object: string, check: () => WholeMetadata) {
    this.image = image;
    this.layers = openLayers(image);
    this.inodes = image.inodes;
    this.contentBytes = image.contentBytes;
    this.traits = image.traits;
    this.hasHoles = mayHaveHoles(image);
    this.#object = object;
    this.#work = work;
    this.#checked = new Uint8Array(countRecords(image) / 8 + 1);
    this.#validate = check;
  }

  find(ino: number): InodeRecord | undefined {
    const record = resolveInode(this.layers, ino);
    if (record === undefined) return undefined;
    const { ordinal, inode } = record;
    const bit = 1 << (ordinal & 7);
    const bits = this.#checked[ordinal >>> 3] as number;
    if ((bits & bit) !== 0) return record;
    this.#check(inode);
    this.#checked[ordinal >>> 3] = bits | bit;
    return record;
  }

  /** An inode that is refused may be used again and again: if it is of ordinary size, that takes nothing from the others. */
  #check(inode: Inode): void {
    const before = this.#work[0] as number;
    try {
      this.#inObject(() => checkInode(this.image, this.layers, inode, this.#work));
    } catch (error) {
      if (before - (this.#work[0] as number) <= REFUNDED_WORDS) this.#work[0] = before;
      throw error;
    }
  }

  checkChild(child: Inode, directory: number): void {
    this.#inObject(() => checkParent(child, directory));
  }

  linksOf({ inode }: InodeRecord): number {
    return recordedLinks(inode);
  }

  parentOf({ inode }: InodeRecord): number {
    return inode.mode.kind === "dir" ? inode.mode.dir.parent : 0;
  }

  whole(): WholeMetadata {
    this.#whole ??= this.#inObject(this.#validate);
    return this.#whole;
  }

  #inObject<T>(check: () => T): T {
    try {
      return check();
    } catch (error) {
      throw error instanceof FormatError ? error.in(this.#object) : error;
    }
  }
}

function mayHaveHoles(image: Rootfs): boolean {
  return findVerity(image, ZERO_BLOB_DIGEST) !== undefined;
}
