import { FormatError } from "@puzzlefs/format";
import type { Directory } from "@puzzlefs/linux";
import { LayoutError, referencedBlobs, type Layout } from "@puzzlefs/oci";
import {
  IntegrityError,
  openHeader,
  readHeader,
  type Attributes,
  type ImageHeader,
  type ImageTree,
} from "@puzzlefs/reader";

import { DirectoryEntry } from "./directory-entry.ts";
import { ImageEntry } from "./image-source.ts";
import { RecordFile } from "./record-file.ts";
import type { SourceEntry, StoredContent } from "./source.ts";
import { StoredChunks } from "./stored-chunks.ts";

const PREFIX = ".puzzlefs-files-";
const MAGIC = Buffer.from("puzzlefs files 1");
/** The fingerprint of a file, and its inode number in the image; the first record is the sha256 of the image's manifest. */
const RECORD_BYTES = 56;
const FINGERPRINT_BYTES = 48;
const DIGEST_BYTES = 32;
const BUFFER_BYTES = 1 << 18;
const FIRST_FOUND = 64;
/**
 * Milliseconds before a build in which a change could be followed by another one at the same time: the clock of a file
 * system has up to two seconds (FAT), and pages that are mapped are written later than they are changed.
 */
const RACY_MILLISECONDS = 2000;

/**
 * The files of a tree as the last build of it found them, and the image that it made: a file whose inode, size and times of
 * modification and of change are the same has the same content, which is not read again. The image's chunks are used for it.
 */
export class FileCache {
  readonly stored: StoredChunks | undefined;
  readonly #file: RecordFile;
  readonly #tree: ImageTree | undefined;
  readonly #known = new Map<string, number>();
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  /** Records for the next build; the first one is that of the image. */
  #found = Buffer.alloc(FIRST_FOUND * RECORD_BYTES);
  #foundEnd = RECORD_BYTES;
  /** Seconds since 1970: files that were changed then or later are not recorded. */
  readonly #racy = (Date.now() - RACY_MILLISECONDS) / 1000;

  /**
   * @param parameters all that the image depends on, but for the tree
   * @param least bytes of the smallest large file
   */
  constructor(layout: Layout, parameters: string, least: number) {
    this.#file = new RecordFile(layout.directory, PREFIX, MAGIC, parameters, RECORD_BYTES);
    const records = this.#file.load();
    if (records === undefined || records.length === 0) return;
    const whole = openWhole(layout, records.toString("hex", 0, DIGEST_BYTES));
    if (whole === undefined) return;
    const { tree, header } = whole;
    const stored = new StoredChunks(tree, header, least);
    this.#tree = tree;
    if (!stored.isCanonical) return;
    this.stored = stored;
    for (let at = RECORD_BYTES; at < records.length; at += RECORD_BYTES) {
      const ino = Number(records.readBigUInt64LE(at + FINGERPRINT_BYTES));
      this.#known.set(records.toString("latin1", at, at + FINGERPRINT_BYTES), ino);
    }
  }

  /** The content of a file; undefined if it has to be read. Throws what reading the chunks of the image throws. */
  find(fingerprint: string, size: number): StoredContent | undefined {
    const ino = this.#known.get(fingerprint);
    if (ino === undefined || this.stored === undefined) return undefined;
    const attributes = this.#tree?.attributes(ino);
    if (this.#tree === undefined || attributes?.kind !== "file" || attributes.size !== size || size === 0)
      return undefined;
    const entry = this.#entry(this.#tree, attributes);
    return {
      pieces: this.stored.pieces(ino),
      position: this.stored.position(ino),
      content: (sink, from) => entry.content(sink, from),
    };
  }

  /** Records a file that this build has found. */
  add(ino: number, entry: SourceEntry): void {
    if (!(entry instanceof DirectoryEntry) || entry.size === 0 || entry.changedSeconds >= this.#racy) return;
    if (this.#foundEnd === this.#found.length) this.#found = Buffer.concat([this.#found], this.#foundEnd * 2);
    this.#found.write(entry.fingerprint, this.#foundEnd, "latin1");
    this.#found.writeBigUInt64LE(BigInt(ino), this.#foundEnd + FINGERPRINT_BYTES);
    this.#foundEnd += RECORD_BYTES;
  }

  /** Stages what was recorded, for the next build. Returns the file's name. */
  stage(manifestDigest: string, staging: Directory): string | undefined {
    this.#found.write(manifestDigest, "hex");
    return this.#file.stage(this.#found.subarray(0, this.#foundEnd), staging);
  }

  [Symbol.dispose](): void {
    this.#tree?.close();
  }

  #entry(tree: ImageTree, attributes: Attributes): ImageEntry {
    return new ImageEntry(tree, undefined, "", `image sha256:${tree.manifestDigest}`, attributes, this.#buffer);
  }
}

/** Opens an image if the layout has all of its chunks, with their sizes, in either form. */
function openWhole(layout: Layout, digest: string): { tree: ImageTree; header: ImageHeader } | undefined {
  using opened = new DisposableStack();
  try {
    const header = readHeader(layout, opened.use(layout.use(digest)).digest);
    const { manifest, blobs } = header;
    const needed = referencedBlobs(manifest, `manifest sha256:${digest}`);
    if (needed.some((blob) => blob.digest === undefined || blobs.size(blob.digest) !== blob.size)) return undefined;
    const tree = openHeader(header, { verify: "blob" });
    tree.own(opened.move());
    return { tree, header };
  } catch (error) {
    if (error instanceof LayoutError || error instanceof IntegrityError || error instanceof FormatError)
      return undefined;
    throw error;
  }
}
