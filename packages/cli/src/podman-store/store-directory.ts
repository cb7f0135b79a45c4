import { randomBytes } from "node:crypto";
import { constants, readSync, writeSync } from "node:fs";
import { close, Directory, FileStatus, fsync, hasCode, realPathOf, symlinkat } from "@puzzlefs/linux";
import { type HeldLock, lockFile, type Waiting } from "@puzzlefs/oci";
import { replaceFile, TEMPORARY_PREFIX } from "../output-file.ts";
import type { ImageDocuments } from "./image-documents.ts";
import {
  configName,
  documentFile,
  imagesText,
  layersText,
  MANIFEST_NAME,
  parseImages,
  parseLayers,
  PodmanStoreError,
  type StoreIndex,
} from "./store-index.ts";

/** What an index may have; thousands of images. */
const INDEX_LIMIT = 64 << 20;
/** containers/storage reads an index again when these bytes at the beginning of its lock file are others. */
const WRITE_MARK_BYTES = 64;
const IMAGES = "images.json";
const LAYERS = "layers.json";
const IMAGES_LOCK = "images.lock";
const LAYERS_LOCK = "layers.lock";
const NAMES = ["overlay-images", "overlay-layers", "overlay"];
const LINKS = "l";
const LINK_CHARACTERS = 26;
/** A store of our making is for its owner; the administrator may open it to others. */
const STORE_MODE = 0o700;
const MODE = 0o755;

const status = new FileStatus();

/**
 * The files of an additional image store of containers/storage: overlay-images, overlay-layers, overlay. Each layer has a directory
 * `diff` on which its image is to be mounted. An index is replaced at once, that of the layers first when something is added, and last
 * when something is removed, so that readers without our lock find the layer of each image.
 */
export class StoreDirectory implements Disposable {
  readonly #root: Directory;
  readonly #images: Directory;
  readonly #layers: Directory;
  readonly #overlay: Directory;
  readonly #links: Directory;
  readonly #opened: DisposableStack;

  private constructor(root: Directory, opened: DisposableStack, make: boolean) {
    const enter = (parent: Directory, name: string): Directory =>
      opened.use(make ? parent.makeOrOpen(name, MODE) : parent.directory(name));
    this.#root = root;
    const [images, layers, overlay] = NAMES as [string, string, string];
    this.#images = enter(root, images);
    this.#layers = enter(root, layers);
    this.#overlay = enter(root, overlay);
    this.#links = enter(this.#overlay, LINKS);
    this.#opened = opened;
  }

  /** Opens a store; with `make`, makes the directories that are missing. Throws PodmanStoreError where there is none, or something else. */
  static open(path: string, make: boolean): StoreDirectory {
    using opened = new DisposableStack();
    try {
      const root = opened.use(make ? Directory.make(path, STORE_MODE) : Directory.open(path));
      const other = root.names().find((name) => !NAMES.includes(name));
      if (other !== undefined)
        throw new PodmanStoreError(root.pathOf(other), "not of a store that puzzlefs makes: name another directory");
      return new StoreDirectory(root, opened.move(), make);
    } catch (error) {
      if (!make && hasCode(error, "ENOENT")) throw new PodmanStoreError(path, "not a store of images");
      throw error;
    }
  }

  /** Takes the lock that each change is made under, and makes the files that a new store lacks. */
  lock(waiting: Waiting): HeldLock {
    const lock = lockFile(this.#images, IMAGES_LOCK, waiting);
    if (!this.#layers.status(LAYERS_LOCK, status)) replaceFile(this.#layers, LAYERS_LOCK, new Uint8Array());
    if (!this.#layers.status(LAYERS, status)) replaceFile(this.#layers, LAYERS, Buffer.from("[]"));
    if (!this.#images.status(IMAGES, status)) replaceFile(this.#images, IMAGES, Buffer.from("[]"));
    this.#root.sync();
    return lock;
  }

  index(): StoreIndex {
    return {
      images: parseImages(readText(this.#images, IMAGES), this.#images.pathOf(IMAGES)),
      layers: parseLayers(readText(this.#layers, LAYERS), this.#layers.pathOf(LAYERS)),
    };
  }

  /** Replaces the index; `before` is the present one. An index that does not change is not written. */
  replace(before: StoreIndex, after: StoreIndex): void {
    const kept = before.layers.filter(({ id }) => !after.layers.some((layer) => layer.id === id));
    this.#replace(this.#layers, LAYERS, LAYERS_LOCK, layersText([...after.layers, ...kept]));
    this.#replace(this.#images, IMAGES, IMAGES_LOCK, imagesText(after.images));
    this.#replace(this.#layers, LAYERS, LAYERS_LOCK, layersText(after.layers));
  }

  /** Makes the directory of a layer, with its link. */
  makeLayer(id: string): void {
    using layer = this.#overlay.makeOrOpen(id, MODE);
    layer.makeOrOpen("diff", MODE).close();
    const link = linkOf(id);
    replaceFile(layer, "link", Buffer.from(link));
    if (!this.#links.status(link, status)) symlinkat(`../${id}/diff`, this.#links.descriptor, link);
    layer.sync();
    this.#links.sync();
  }

  /** Stores the manifest and the configuration of an image. */
  storeDocuments({ image, manifest, config }: ImageDocuments): void {
    using directory = this.#images.makeOrOpen(image.id, MODE);
    replaceFile(directory, documentFile(MANIFEST_NAME), manifest);
    replaceFile(directory, documentFile(configName(image)), config);
    this.#images.sync();
  }

  /** Where a layer is mounted, as lists of mounts have it. */
  mountpointOf(id: string): string {
    return `${realPathOf(this.#overlay.descriptor, this.#overlay.path)}/${id}/diff`;
  }

  /** Ids of layers that have a directory, and are not in the index. Their mounts must be gone before sweep(). */
  unusedLayers({ layers }: StoreIndex): string[] {
    const used = new Set(layers.map(({ id }) => id));
    return this.#overlay.names().filter((name) => isId(name) && !used.has(name));
  }

  /** Removes what the index does not have: what an earlier command that died has left, and what was removed from the index. */
  sweep(index: StoreIndex): void {
    for (const id of this.unusedLayers(index)) removeTree(this.#overlay, id, ["diff"]);
    const links = new Set(index.layers.map(({ id }) => linkOf(id)));
    for (const name of this.#links.names()) if (!links.has(name)) this.#links.removeFile(name);
    const images = new Set(index.images.map(({ id }) => id));
    for (const name of this.#images.names()) if (isId(name) && !images.has(name)) removeTree(this.#images, name, []);
    for (const directory of [this.#images, this.#layers])
      for (const name of directory.names()) if (name.startsWith(TEMPORARY_PREFIX)) directory.removeFile(name);
  }

  [Symbol.dispose](): void {
    this.#opened[Symbol.dispose]();
  }

  #replace(directory: Directory, name: string, lock: string, text: string): void {
    if (readText(directory, name) === text) return;
    replaceFile(directory, name, Buffer.from(text));
    const descriptor = directory.openFile(lock, constants.O_WRONLY);
    if (descriptor === undefined) throw new PodmanStoreError(directory.pathOf(lock), "no such file");
    try {
      writeSync(descriptor, randomBytes(WRITE_MARK_BYTES), 0, WRITE_MARK_BYTES, 0);
      fsync(descriptor);
    } finally {
      close(descriptor);
    }
  }
}

/** The short name of a layer, of capital letters and digits: a mount has them as options, whose length is limited. */
function linkOf(id: string): string {
  const number = BigInt(`0x${id}`) >> 120n;
  return number.toString(36).toUpperCase().padStart(LINK_CHARACTERS, "0").slice(-LINK_CHARACTERS);
}

function isId(name: string): boolean {
  return /^[0-9a-f]{64}$/.test(name);
}

/** Removes a directory of files and empty directories. */
function removeTree(parent: Directory, name: string, empty: readonly string[]): void {
  using directory = parent.directory(name);
  for (const entry of directory.names())
    if (empty.includes(entry)) directory.removeDirectory(entry);
    else directory.removeFile(entry);
  parent.removeDirectory(name);
}

function readText(directory: Directory, name: string): string {
  const descriptor = directory.openFile(name, constants.O_RDONLY, status);
  if (descriptor === undefined) throw new PodmanStoreError(directory.pathOf(name), "no such file");
  try {
    const { size } = status;
    if (size > INDEX_LIMIT)
      throw new PodmanStoreError(directory.pathOf(name), `${size} bytes, more than ${INDEX_LIMIT}`);
    const bytes = Buffer.alloc(size);
    let length = 0;
    for (let count = -1; length < size && count !== 0; length += count)
      count = readSync(descriptor, bytes, length, size - length, length);
    return bytes.toString("utf8", 0, length);
  } finally {
    close(descriptor);
  }
}
