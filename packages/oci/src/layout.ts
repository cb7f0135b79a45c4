import { absolutePath, Directory, hasCode } from "@puzzlefs/linux";
import { BlobDirectory } from "./blob-directory.ts";
import { digestHex, isHexDigest } from "./digests.ts";
import { LayoutError, systemFailure } from "./errors.ts";
import { readRegular, replaceDurably } from "./files.ts";
import {
  emptyIndex,
  formatIndex,
  parseIndex,
  parseObject,
  tagOf,
  type Descriptor,
  type ImageIndex,
} from "./index-json.ts";
import { BLOBS, INDEX_FILE, LAYOUT_FILE, LAYOUT_LIMIT, LAYOUT_VERSION, LayoutMaker, SHA256 } from "./layout-maker.ts";
import { linked } from "./linked-directory.ts";
import { withLock, type Waiting } from "./lock.ts";
import { MANIFEST_LIMIT, MANIFEST_TYPE } from "./manifest.ts";
import { Transaction } from "./transaction.ts";

/** The largest index.json, bytes. 10,000 images with tags of 255 letters take 5.3 MB; JSON.parse() takes up to 40 times as much. */
const INDEX_LIMIT = 8 * 1024 * 1024;

/** An image of a layout, as `puzzlefs tags` shows it. */
export interface TaggedImage {
  tag: string;
  /** sha256 of the manifest, 64 hex digits; undefined for a foreign entry under another algorithm. */
  digest: string | undefined;
  /** Size of the manifest, bytes. */
  size: number;
  mediaType: string;
}

/** A manifest whose bytes match its digest. Whether it is a well-formed PuzzleFS manifest is for format to say. */
export interface Manifest {
  /** sha256, 64 hex digits: the kernel driver's `image_manifest`. */
  digest: string;
  bytes: Buffer;
  /** As in index.json; made up from the blob when it was asked for by digest and has no entry there. */
  descriptor: Descriptor;
}

/**
 * An OCI image layout on disk (docs/format.md §1), reached through descriptors of its directory and of its blobs: another
 * user who may change names in it cannot lead a call elsewhere. It reads `index.json` anew in every call, so it sees
 * what other processes commit. All calls are synchronous. System errors pass through with their path.
 */
export class Layout {
  /** Absolute path of the layout's directory, for messages. */
  readonly path: string;
  readonly directory: Directory;
  #blobs: BlobDirectory | undefined;
  #waiting: Waiting = () => {};
  #maker: LayoutMaker | undefined;

  /** Takes ownership of `directory`. */
  private constructor(path: string, directory: Directory) {
    this.path = path;
    this.directory = directory;
  }

  /** Opens an existing layout. Throws LayoutError: absent, corrupt, or unsupported (a newer version). */
  static open(directory: string): Layout {
    const path = absolutePath(directory);
    let opened: Directory;
    try {
      opened = Directory.open(path);
    } catch (error) {
      throw hasCode(error, "ENOENT") ? noLayout(path) : error;
    }
    const layout = new Layout(path, opened);
    try {
      layout.#checkVersion();
      return layout;
    } catch (error) {
      layout.close();
      throw error;
    }
  }

  /**
   * Opens a layout, making it (and its parent directories) first where there is none. Safe to race with itself. `waiting`
   * is called while another process holds the layout's lock, here and later.
   */
  static create(directory: string, waiting: Waiting = () => {}): Layout {
    const path = absolutePath(directory);
    let layout: Layout | undefined;
    try {
      const maker = new LayoutMaker(path, waiting);
      layout = new Layout(path, maker.directory);
      layout.#waiting = waiting;
      layout.#maker = maker;
      maker.make();
      layout.#checkVersion();
      return layout;
    } catch (error) {
      layout?.removeIfNew();
      layout?.close();
      throw systemFailure(error, path, "make the image layout");
    }
  }

  /** Takes back what create() has made, unless somebody uses it by now: for a writer that fails. */
  removeIfNew(): void {
    this.releaseReserve();
    this.#maker?.takeBack(() => this.index().manifests.length > 0);
  }

  /** The blobs; opened at the first use. Throws LayoutError (refused) where a link leads to them that is not followed. */
  get blobs(): BlobDirectory {
    if (this.#blobs !== undefined) return this.#blobs;
    using parent = linked(this.directory, BLOBS);
    return (this.#blobs = new BlobDirectory(linked(parent, SHA256)));
  }

  /** To be called before something is cleaned up. */
  releaseReserve(): void {
    this.#maker?.reserve.release();
  }

  close(): void {
    this.#maker?.close();
    this.#blobs?.close();
    this.directory.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** index.json as it is now. Missing means empty: the Rust tool leaves it out of an empty layout. */
  index(): ImageIndex {
    const bytes = readRegular(this.directory, INDEX_FILE, INDEX_LIMIT);
    return bytes === undefined ? emptyIndex() : parseIndex(bytes.toString("utf8"), this.directory.pathOf(INDEX_FILE));
  }

  /** The tags, in the order of index.json. Of several entries with one tag the first counts, as in the Rust tool. */
  tags(): TaggedImage[] {
    const tags = new Map<string, TaggedImage>();
    for (const descriptor of this.index().manifests) {
      const tag = tagOf(descriptor);
      if (tag === undefined || tags.has(tag)) continue;
      tags.set(tag, {
        tag,
        digest: digestHex(descriptor.digest),
        size: descriptor.size,
        mediaType: descriptor.mediaType,
      });
    }
    return [...tags.values()];
  }

  /**
   * The manifest that a reference means: a sha256 in hex, with or without "sha256:", or else a tag. The bytes are
   * verified. Throws LayoutError: absent, corrupt, or unsupported (an image index, another digest algorithm).
   */
  manifest(reference: string): Manifest {
    const file = this.directory.pathOf(INDEX_FILE);
    const hex = isHexDigest(reference) ? reference : digestHex(reference);
    const entries = this.index().manifests;
    const descriptor = entries.find((entry) =>
      hex === undefined ? tagOf(entry) === reference : digestHex(entry.digest) === hex,
    );
    if (descriptor === undefined) {
      if (hex === undefined)
        throw new LayoutError("absent", file, `no tag ${JSON.stringify(reference)}${this.#known()}`);
      const bytes = this.blobs.read(hex, MANIFEST_LIMIT);
      return {
        digest: hex,
        bytes,
        descriptor: { mediaType: MANIFEST_TYPE, digest: `sha256:${hex}`, size: bytes.length },
      };
    }
    if (descriptor.mediaType !== MANIFEST_TYPE)
      throw new LayoutError(
        "unsupported",
        file,
        `${reference} is of type ${printableType(descriptor.mediaType)}, not an image manifest`,
      );
    const digest = digestHex(descriptor.digest);
    if (digest === undefined) throw new LayoutError("unsupported", file, `${reference}: its digest is not a sha256`);
    const bytes = this.blobs.read(digest, MANIFEST_LIMIT);
    if (bytes.length !== descriptor.size)
      throw new LayoutError(
        "corrupt",
        file,
        `${reference}: size ${descriptor.size}, but the manifest has ${bytes.length} bytes`,
      );
    return { digest, bytes, descriptor };
  }

  /** Starts to write an image. Sweeps the temporaries of writers that died. */
  begin(): Transaction {
    return Transaction.begin(this);
  }

  /** Runs `action` with the exclusive lock that every change to the layout's names takes. Waits for it. */
  locked<T>(action: () => T): T {
    return withLock(this.directory, LAYOUT_FILE, false, this.#waiting, action);
  }

  /**
   * Replaces index.json, atomically and durably, by a file made in `staging`. Call it under locked(), with an index read
   * under the same lock. Throws LayoutError (refused) for an index that no reader would take.
   */
  replaceIndex(index: ImageIndex, staging: Directory): void {
    const bytes = Buffer.from(formatIndex(index));
    if (bytes.length > INDEX_LIMIT)
      throw new LayoutError("refused", this.directory.pathOf(INDEX_FILE), `it would grow beyond ${INDEX_LIMIT} bytes`);
    replaceDurably(this.directory, INDEX_FILE, staging, bytes);
  }

  #checkVersion(): void {
    const file = this.directory.pathOf(LAYOUT_FILE);
    const bytes = readRegular(this.directory, LAYOUT_FILE, LAYOUT_LIMIT);
    if (bytes === undefined) throw noLayout(this.path);
    const version = parseObject(bytes.toString("utf8"), file)["imageLayoutVersion"];
    if (typeof version !== "string") throw new LayoutError("corrupt", file, "imageLayoutVersion is not a string");
    if (version !== LAYOUT_VERSION)
      throw new LayoutError("unsupported", file, `imageLayoutVersion is not ${LAYOUT_VERSION}`);
  }

  #known(): string {
    const tags = this.tags().map(({ tag }) => JSON.stringify(tag));
    if (tags.length === 0) return "; the layout has no tags";
    return `; there ${tags.length === 1 ? "is" : "are"} ${tags.slice(0, 10).join(", ")}${tags.length > 10 ? ", …" : ""}`;
  }
}

function noLayout(path: string): LayoutError {
  return new LayoutError("absent", path, `not an OCI layout: it has no ${LAYOUT_FILE}`);
}

/** A media type as it is; anything else that index.json has in place of one is not shown. */
function printableType(mediaType: string): string {
  return /^[\w.+-]{1,80}\/[\w.+-]{1,80}$/.test(mediaType) ? mediaType : "another kind";
}
