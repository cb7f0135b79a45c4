import { MAX_MANIFEST_BYTES } from "@puzzlefs/format";
import { absolutePath, Directory, hasCode } from "@puzzlefs/linux";
import { BlobDirectory } from "./blob-directory.ts";
import { digestHex, isHexDigest } from "./digests.ts";
import { LayoutError, systemFailure } from "./errors.ts";
import { readRegular, readWhole, replaceDurably } from "./files.ts";
import { ImageChooser, type IndexedImage, type PlatformChoice } from "./image-choice.ts";
import { type BaseRecord, ImageIndex, INDEX_LIMIT, type IndexEntry } from "./index-json.ts";
import { parseObject } from "./json.ts";
import { BLOBS, INDEX_FILE, LAYOUT_FILE, LAYOUT_LIMIT, LAYOUT_VERSION, LayoutMaker, SHA256 } from "./layout-maker.ts";
import { linked } from "./linked-directory.ts";
import { type HeldLock, lockSteps, type Waiting } from "./lock.ts";
import { describeManifest, isPuzzlefs } from "./manifest.ts";
import type { Platform } from "./platform.ts";
import { runSteps, runStepsAsync, type Steps, type Turns } from "./steps.ts";

/** Readings of index.json, while it leads to a manifest that is not there. */
const MOST_TRIES = 3;

/** A manifest whose bytes match its digest. Whether it is a well-formed PuzzleFS manifest is checked by format. */
export interface Manifest {
  /** sha256, 64 hex digits: the kernel driver's `image_manifest`. */
  digest: string;
  bytes: Buffer;
}

/**
 * An OCI image layout on disk (docs/format.md §1), reached through descriptors of its directory and of its blobs: another
 * user with write permission cannot make a call reach a file outside. Every call reads `index.json` again, so it sees
 * the commits of other processes. All calls are synchronous, and throw system errors with the path.
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

  /**
   * Opens an existing layout. `waiting` is called later while another process holds its lock. Throws LayoutError: absent, corrupt, or
   * unsupported (a newer version).
   */
  static open(directory: string, waiting: Waiting = () => {}): Layout {
    const path = absolutePath(directory);
    let opened: Directory;
    try {
      opened = Directory.open(path);
    } catch (error) {
      throw hasCode(error, "ENOENT") ? noLayout(path) : error;
    }
    const layout = new Layout(path, opened);
    layout.#waiting = waiting;
    try {
      readWhole(() => layout.#checkVersion());
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
    return runSteps(Layout.#create(directory, waiting));
  }

  /** create(), but waits for the lock in the event loop. An error of `turns` ends it. */
  static createAsync(directory: string, waiting: Waiting, turns: Turns): Promise<Layout> {
    return runStepsAsync(Layout.#create(directory, waiting), turns);
  }

  static *#create(directory: string, waiting: Waiting): Steps<Layout> {
    const path = absolutePath(directory);
    let layout: Layout | undefined;
    try {
      const maker = new LayoutMaker(path, waiting);
      layout = new Layout(path, maker.directory);
      layout.#waiting = waiting;
      layout.#maker = maker;
      yield* maker.make();
      layout.#checkVersion();
      return layout;
    } catch (error) {
      layout?.removeIfNew();
      layout?.close();
      throw systemFailure(error, path, "make the image layout");
    }
  }

  /** Removes what create() has made, unless another process uses it now. For a writer that fails. */
  removeIfNew(): void {
    this.releaseReserve();
    this.#maker?.takeBack(() => this.#readIndex()?.entries().next().done === false);
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

  /** index.json as it is now. Throws LayoutError: absent, corrupt, unsupported (too large). */
  index(): ImageIndex {
    const index = readWhole(() => this.#readIndex());
    if (index !== undefined) return index;
    const path = this.directory.pathOf(INDEX_FILE);
    throw new LayoutError("absent", path, "no such file, and images are found by it alone");
  }

  /** The tags, each once, in the order of index.json. */
  tags(): string[] {
    return [...new Set([...this.index().entries()].flatMap(({ tag }) => tag ?? []))];
  }

  /** All entries of index.json, with what they lead to. */
  images(): IndexedImage[] {
    const chooser = this.#chooser();
    return [...this.index().entries()].flatMap((entry) => chooser.imagesOf(entry));
  }

  /**
   * The manifest of the image that a reference means: a sha256 in hex, with or without "sha256:", or else a tag; NAME@sha256:HEX,
   * where that is no tag, is the digest. A digest needs no index.json, but for that of the canonical manifest of a packed image:
   * then this is the packed manifest. Of several entries with one tag, `choice` decides, then the
   * order. The bytes are verified. Throws LayoutError: absent, missing, foreign, corrupt.
   */
  manifest(reference: string, choice: PlatformChoice = {}): Manifest {
    const hex = isHexDigest(reference) ? reference : digestHex(reference);
    if (hex !== undefined) return this.#byDigest(hex);
    const entries = this.#entries(reference);
    if (entries.length > 0) return this.#read(reference, this.#chooser().choose(shownName(reference), entries, choice));
    const named = digestHex(reference.slice(reference.lastIndexOf("@") + 1));
    if (named !== undefined && reference.includes("@")) return this.#byDigest(named);
    throw this.#absent(reference);
  }

  /** Hex sha256 of the manifest of the ordinary image, not of PuzzleFS, that a reference means. Throws LayoutError. */
  layeredManifest(reference: string, choice: PlatformChoice = {}): string {
    const hex = isHexDigest(reference) ? reference : digestHex(reference);
    if (hex !== undefined) return hex;
    const entries = this.#entries(reference);
    if (entries.length > 0) return this.#chooser().chooseLayered(shownName(reference), entries, choice);
    throw this.#absent(reference);
  }

  /** manifest() of an image that gc will not remove before it is disposed of, even if its tag is. */
  use(reference: string, choice: PlatformChoice = {}): Manifest & Disposable {
    for (let tries = MOST_TRIES; ; tries--) {
      try {
        const manifest = this.manifest(reference, choice);
        const held = this.blobs.hold(manifest.digest);
        return { ...manifest, [Symbol.dispose]: () => held[Symbol.dispose]() };
      } catch (error) {
        // The tag may have been moved or removed since index.json was read, and a gc run.
        if (tries === 1 || !(error instanceof LayoutError) || error.kind !== "missing") throw error;
      }
    }
  }

  /** The platform for which index.json lists the image that manifest() finds; undefined for a digest, and where it lists none. */
  platformOf(reference: string, choice: PlatformChoice = {}): Platform | undefined {
    const entries = [...this.index().entries()].filter(({ tag }) => tag === reference);
    if (entries.length === 0) return undefined;
    const { platform } = this.#chooser().choose(shownName(reference), entries, choice);
    return platform === "unknown" ? undefined : platform;
  }

  /** The image in a registry that index.json records as the base of a tag's image; undefined for a digest. */
  baseOf(reference: string, choice: PlatformChoice = {}): BaseRecord | undefined {
    const entries = this.#entries(reference);
    return entries.length === 0 ? undefined : this.#chooser().choose(shownName(reference), entries, choice).base;
  }

  /** Runs `action` with the exclusive lock that every change to the layout's names takes. Waits for it. */
  locked<T>(action: () => T): T {
    using _ = runSteps(this.lock());
    return action();
  }

  /** Takes the same lock, for work that is more than one call. */
  lock(): Steps<HeldLock> {
    return lockSteps(this.directory, LAYOUT_FILE, false, this.#waiting);
  }

  /**
   * Replaces index.json, atomically and durably, by a file made in `staging`. Call it under locked(), with an index read
   * under the same lock. Throws LayoutError (refused) for an index that readers would refuse.
   */
  replaceIndex(index: ImageIndex, staging: Directory): void {
    const bytes = index.bytes();
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

  #readIndex(): ImageIndex | undefined {
    const bytes = readRegular(this.directory, INDEX_FILE, INDEX_LIMIT, "unsupported");
    return bytes && ImageIndex.parse(bytes, this.directory.pathOf(INDEX_FILE));
  }

  #chooser(): ImageChooser {
    return new ImageChooser(this.blobs, this.directory.pathOf(INDEX_FILE));
  }

  #byDigest(hex: string): Manifest {
    if (!this.blobs.has(hex)) {
      const packed = this.#packedAs(hex);
      if (packed !== undefined) return packed;
    }
    const bytes = this.blobs.read(hex, MAX_MANIFEST_BYTES);
    if (isPuzzlefs(bytes)) return { digest: hex, bytes };
    const message = `not a PuzzleFS image: ${describeManifest(bytes)}`;
    throw new LayoutError("foreign", this.blobs.pathOf(hex), message);
  }

  /** The packed image whose canonical manifest has this digest. */
  #packedAs(canonical: string): Manifest | undefined {
    const hex = this.images().find((image) => image.canonical === canonical)?.hex;
    return hex === undefined ? undefined : { digest: hex, bytes: this.blobs.read(hex, MAX_MANIFEST_BYTES) };
  }

  #read(name: string, { hex = "", size }: IndexedImage): Manifest {
    const bytes = this.blobs.read(hex, MAX_MANIFEST_BYTES);
    if (size !== undefined && size !== bytes.length) {
      const problem = `${name}: size ${size}, but the manifest has ${bytes.length} bytes`;
      throw new LayoutError("corrupt", this.directory.pathOf(INDEX_FILE), problem);
    }
    return { digest: hex, bytes };
  }

  #entries(reference: string): IndexEntry[] {
    return [...this.index().entries()].filter(({ tag }) => tag === reference);
  }

  #absent(reference: string): LayoutError {
    const problem = `no tag ${shownName(reference)}${this.#known()}`;
    return new LayoutError("absent", this.directory.pathOf(INDEX_FILE), problem);
  }

  #known(): string {
    const tags = this.tags().map(shownName);
    if (tags.length === 0) return "; the layout has no tags";
    return `; there ${tags.length === 1 ? "is" : "are"} ${tags.slice(0, 10).join(", ")}${tags.length > 10 ? ", …" : ""}`;
  }
}

function noLayout(path: string): LayoutError {
  return new LayoutError("absent", path, `not an OCI layout: it has no ${LAYOUT_FILE}`);
}

function shownName(name: string): string {
  return JSON.stringify(name);
}
