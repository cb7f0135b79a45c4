import { constants, existsSync, open, openSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { descriptorPath, O_PATH, openatFollowing } from "@puzzlefs/linux";
import { digestHex, isHexDigest, sha256Hex } from "./digests.ts";
import { LayoutError } from "./errors.ts";
import { makeDirectories, readLimited, replaceDurably, syncDirectory, writeAll } from "./files.ts";
import {
  emptyIndex,
  formatIndex,
  parseIndex,
  parseObject,
  tagOf,
  type Descriptor,
  type ImageIndex,
} from "./index-json.ts";
import { withLock } from "./lock.ts";
import { MANIFEST_LIMIT, MANIFEST_TYPE } from "./manifest.ts";
import { Transaction } from "./transaction.ts";

const LAYOUT_FILE = "oci-layout";
const INDEX_FILE = "index.json";
const INDEX_TEMPORARY = ".puzzlefs-index.json";
const LAYOUT_VERSION = "1.0.0";
const LAYOUT_LIMIT = 65536;
const BLOB_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
const INDEX_LIMIT = 64 * 1024 * 1024;

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
 * An OCI image layout on disk (FORMAT.md §1). It reads `index.json` anew in every call, so it sees what other
 * processes commit; nothing in it stays open but what hold() opens. All calls but openBlobAside() are synchronous. System
 * errors pass through with their path.
 */
export class Layout {
  /** Absolute path of the layout's directory. */
  readonly path: string;
  /** Of the directory of blobs, once held. */
  #blobs: number | undefined;

  private constructor(path: string) {
    this.path = path;
  }

  /** Opens an existing layout. Throws LayoutError: absent, corrupt, or unsupported (a newer version). */
  static open(directory: string): Layout {
    const path = resolve(directory);
    const file = join(path, LAYOUT_FILE);
    const bytes = readLimited(file, LAYOUT_LIMIT);
    if (bytes === undefined) throw new LayoutError("absent", path, `not an OCI layout: it has no ${LAYOUT_FILE}`);
    const version = parseObject(bytes.toString("utf8"), file)["imageLayoutVersion"];
    if (typeof version !== "string") throw new LayoutError("corrupt", file, "imageLayoutVersion is not a string");
    if (version !== LAYOUT_VERSION)
      throw new LayoutError(
        "unsupported",
        file,
        `imageLayoutVersion ${JSON.stringify(version)}, not ${LAYOUT_VERSION}`,
      );
    return new Layout(path);
  }

  /** Opens a layout, making it (and its parent directories) first where there is none. Safe to race with itself. */
  static create(directory: string): Layout {
    const path = resolve(directory);
    const file = join(path, LAYOUT_FILE);
    makeDirectories(join(path, "blobs", "sha256"));
    const index = join(path, INDEX_FILE);
    // Written in place, because it is the lock. A part of it is not a layout yet, and the next create() goes on.
    const whole = JSON.stringify({ imageLayoutVersion: LAYOUT_VERSION });
    const begun = (): boolean => {
      const text = readLimited(file, LAYOUT_LIMIT)?.toString("utf8") ?? "";
      return text !== whole && whole.startsWith(text);
    };
    if (!existsSync(index) || begun())
      withLock(file, true, () => {
        if (!existsSync(index))
          replaceDurably(path, INDEX_FILE, INDEX_TEMPORARY, Buffer.from(formatIndex(emptyIndex())));
        if (!begun()) return;
        writeAll(file, Buffer.from(whole), "w", true);
        syncDirectory(path);
      });
    return Layout.open(path);
  }

  /** Path of a blob, whether or not it exists. Throws TypeError unless `digest` is 64 lower-case hex digits. */
  blobPath(digest: string): string {
    if (!isHexDigest(digest)) throw new TypeError(`not a sha256 in hex: ${JSON.stringify(digest)}`);
    return `${this.path}/blobs/sha256/${digest}`;
  }

  /**
   * Opens blobs from now on in the directory that holds them at this moment, whatever its path leads to later. A daemon
   * that a container's start gives another root would look for them inside the container: in its own mount, for ever.
   */
  hold(): void {
    this.#blobs ??= openSync(join(this.path, "blobs", "sha256"), O_PATH | constants.O_DIRECTORY);
  }

  /** Opens a blob for reading; close the descriptor. It may be anything: a fifo does not block. Throws system errors. */
  openBlob(digest: string): number {
    const path = this.blobPath(digest);
    return this.#blobs === undefined ? openSync(path, BLOB_FLAGS) : openatFollowing(this.#blobs, digest, BLOB_FLAGS);
  }

  /** The same in another thread; `use` gets undefined where it fails, for whatever reason. */
  openBlobAside(digest: string, use: (descriptor: number | undefined) => void): void {
    const path =
      this.#blobs === undefined ? this.blobPath(digest) : `${descriptorPath(this.#blobs).toString()}/${digest}`;
    open(path, BLOB_FLAGS, (error, descriptor) => use(error === null ? descriptor : undefined));
  }

  /** A whole blob of at most `limit` bytes, verified against its digest. Throws LayoutError (absent, corrupt). */
  readBlob(digest: string, limit: number): Buffer {
    const path = this.blobPath(digest);
    const bytes = readLimited(path, limit);
    if (bytes === undefined) throw new LayoutError("absent", path, "no such blob");
    const found = sha256Hex(bytes);
    if (found !== digest) throw new LayoutError("corrupt", path, `its content has sha256 ${found}`);
    return bytes;
  }

  /** Whether a blob exists, with its size in bytes. */
  blobSize(digest: string): number | undefined {
    const status = statSync(this.blobPath(digest), { throwIfNoEntry: false });
    return status?.isFile() === true ? status.size : undefined;
  }

  /** index.json as it is now. Missing means empty: the Rust tool leaves it out of an empty layout. */
  index(): ImageIndex {
    const path = join(this.path, INDEX_FILE);
    const bytes = readLimited(path, INDEX_LIMIT);
    return bytes === undefined ? emptyIndex() : parseIndex(bytes.toString("utf8"), path);
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
    const file = join(this.path, INDEX_FILE);
    const hex = isHexDigest(reference) ? reference : digestHex(reference);
    const entries = this.index().manifests;
    const descriptor = entries.find((entry) =>
      hex === undefined ? tagOf(entry) === reference : digestHex(entry.digest) === hex,
    );
    if (descriptor === undefined) {
      if (hex === undefined)
        throw new LayoutError("absent", file, `no tag ${JSON.stringify(reference)}${this.#known()}`);
      const bytes = this.readBlob(hex, MANIFEST_LIMIT);
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
        `${reference} is of type ${descriptor.mediaType}, not an image manifest`,
      );
    const digest = digestHex(descriptor.digest);
    if (digest === undefined) throw new LayoutError("unsupported", file, `${reference}: digest ${descriptor.digest}`);
    const bytes = this.readBlob(digest, MANIFEST_LIMIT);
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
    return withLock(join(this.path, LAYOUT_FILE), false, action);
  }

  /** Replaces index.json, atomically and durably. Call it under locked(), with an index read under the same lock. */
  replaceIndex(index: ImageIndex): void {
    replaceDurably(this.path, INDEX_FILE, INDEX_TEMPORARY, Buffer.from(formatIndex(index)));
  }

  #known(): string {
    const tags = this.tags().map(({ tag }) => JSON.stringify(tag));
    if (tags.length === 0) return "; the layout has no tags";
    return `; there ${tags.length === 1 ? "is" : "are"} ${tags.slice(0, 10).join(", ")}${tags.length > 10 ? ", …" : ""}`;
  }
}
