import { constants } from "node:fs";

import { Descent, FileStatus, printable, type Directory, type Level } from "@puzzlefs/linux";
import { sortedEntries, type Attributes, type ImageTree } from "@puzzlefs/reader";

import { attempt } from "./directory-entry.ts";
import { sortedNames, terminated, walkFailure } from "./directory-source.ts";
import { BuildError } from "./errors.ts";
import { isWhiteoutDevice, OverlayAttributes, type OverlayPrefix } from "./overlay-attributes.ts";
import { BelowEntry, UpperEntry, type Below } from "./overlay-entry.ts";
import { OverlayIndex } from "./overlay-index.ts";
import type { FoundFile } from "./read-file.ts";
import type { Source, SourceEntry } from "./source.ts";
import type { StoredChunks } from "./stored-chunks.ts";

const BUFFER_BYTES = 1 << 18;
const ROOT_INO = 1;

/** The writable part of an overlay. The caller closes the directories. */
export interface OverlayUpper {
  directory: Directory;
  /** `index` of the work directory, where hard links are recorded. */
  index?: Directory | undefined;
  /** That of the mount's attributes: `user.` where it was mounted with userxattr. */
  prefix: OverlayPrefix;
  /** Identities of directories that are written meanwhile: they must not be in the upper directory. */
  written: ReadonlySet<string>;
}

/** A directory that was delivered but not listed yet: in the upper directory, in the image below, or in both. */
interface Waiting {
  entry: SourceEntry;
  /** From the root of the tree, latin1; empty for the root. */
  path: string;
  level: Level | undefined;
  below: number | undefined;
}

/** A directory whose entries are delivered, and those of its subdirectories that have been. */
interface Listed extends Waiting {
  /** Descriptor in the upper directory; undefined: none there. */
  directory: number | undefined;
  subdirectories: Waiting[];
}

interface NameBelow {
  name: string;
  attributes: Attributes;
}

/**
 * The tree that an overlay over an image shows, from its upper directory and the image's metadata, without a mount: names
 * of the upper directory, and of the image where the upper directory has none and does not hide it. The rules are those of
 * overlayfs (Documentation/filesystems/overlayfs.rst of Linux).
 *
 * Other processes may change the upper directory meanwhile, and its attributes may be anything: nothing outside of it is
 * reached, no directory of the image is shown twice, and content below is that of the image.
 */
export class OverlaySource implements Source {
  readonly name: string;
  readonly stored: StoredChunks;
  readonly #below: Below;
  readonly #upper: OverlayUpper;

  /** @param stored the chunks of `tree` */
  constructor(tree: ImageTree, stored: StoredChunks, upper: OverlayUpper) {
    this.name = upper.directory.path;
    this.stored = stored;
    this.#upper = upper;
    this.#below = { tree, chunks: stored, buffer: Buffer.allocUnsafeSlow(BUFFER_BYTES), prefix: upper.prefix };
  }

  entries(): Generator<SourceEntry> {
    return new Walk(this.#below, this.#upper).run();
  }
}

class Walk {
  readonly #below: Below;
  readonly #upper: OverlayUpper;
  readonly #index: OverlayIndex | undefined;
  /** Of the upper directory, for messages; latin1. */
  readonly #path: string;
  readonly #status = new FileStatus();
  /** Directories of the image that were delivered: each is in one directory of the tree. */
  readonly #shown = new Set<number>([ROOT_INO]);

  constructor(below: Below, upper: OverlayUpper) {
    this.#below = below;
    this.#upper = upper;
    this.#path = Buffer.from(upper.directory.path).toString("latin1");
    const isLinked = (ino: number): boolean => (below.tree.attributes(ino)?.nlink ?? 0) > 1;
    if (upper.index !== undefined) this.#index = new OverlayIndex(upper.index, isLinked);
  }

  *run(): Generator<SourceEntry> {
    using descent = attempt(
      this.#path,
      () => new Descent(this.#upper.directory.descriptor, (level, cause) => walkFailure(this.#path, level, cause)),
    );
    const file = {
      directory: descent.enter(descent.root),
      name: terminated("."),
      path: this.#path,
      status: this.#status,
    };
    this.#status.readDescriptor(file.directory);
    this.#refuseWritten(file);
    const root = new UpperEntry(undefined, "", file, this.#upper.prefix);
    yield root;
    const stack: Waiting[] = [{ entry: root, path: "", level: descent.root, below: ROOT_INO }];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const directory = next.level === undefined ? undefined : descent.enter(next.level);
      const listed: Listed = { ...next, directory, subdirectories: [] };
      for (const { name, isUpper, attributes } of this.#merged(listed)) {
        const entry = isUpper ? this.#upperEntry(listed, name, descent) : this.#belowEntry(listed, name, attributes);
        if (entry !== undefined) yield entry;
      }
      stack.push(...listed.subdirectories.reverse());
    }
  }

  /** The names in the upper directory and in the image, each once, in byte order. */
  *#merged({ below, directory, path }: Listed): Generator<Partial<NameBelow> & { name: string; isUpper: boolean }> {
    const lower = below === undefined ? [] : this.#namesBelow(below);
    const names = directory === undefined ? [] : sortedNames(directory, this.#path + path);
    let at = 0;
    for (const name of names) {
      for (; at < lower.length && lower[at].name < name; at++) yield { ...lower[at], isUpper: false };
      if (lower.at(at)?.name === name) at++;
      yield { name, isUpper: true };
    }
    for (; at < lower.length; at++) yield { ...lower[at], isUpper: false };
  }

  #namesBelow(directory: number): NameBelow[] {
    return sortedEntries(this.#below.tree, directory).map(({ name, attributes }) => ({
      name: Buffer.from(name).toString("latin1"),
      attributes: attributes as Attributes,
    }));
  }

  /** A name that only the image has. */
  #belowEntry(listed: Listed, name: string, attributes: Attributes | undefined): SourceEntry | undefined {
    if (attributes === undefined) return undefined;
    const { entry: parent, subdirectories } = listed;
    const path = `${listed.path}/${name}`;
    const changed = attributes.nlink > 1 ? this.#index?.name(attributes.ino) : undefined;
    if (changed !== undefined) return this.#indexEntry(parent, name, path, attributes.ino, changed);
    const entry = new BelowEntry(this.#below, parent, name, path, attributes);
    if (attributes.kind !== "dir") return entry;
    this.#show(attributes.ino, path);
    subdirectories.push({ entry, path, level: undefined, below: attributes.ino });
    return entry;
  }

  /** A name of a file that was changed by another name. */
  #indexEntry(parent: SourceEntry, name: string, path: string, ino: number, changed: Uint8Array): SourceEntry {
    const directory = (this.#index as OverlayIndex).descriptor;
    const file = { directory, name: changed, path: this.#path + path, status: this.#status };
    attempt(file.path, () => this.#status.readAt(directory, changed));
    const { isMetacopy } = new OverlayAttributes(directory, changed, this.#upper.prefix);
    const content = isMetacopy ? this.#content(ino, path) : undefined;
    return new UpperEntry(parent, name, file, this.#upper.prefix, content, this.#status.identity);
  }

  /** A name of the upper directory; undefined for a whiteout. */
  #upperEntry(listed: Listed, name: string, descent: Descent): SourceEntry | undefined {
    const { entry: parent, directory = -1, level, subdirectories } = listed;
    const { prefix } = this.#upper;
    const path = `${listed.path}/${name}`;
    const file: FoundFile = { directory, name: terminated(name), path: this.#path + path, status: this.#status };
    const status = this.#status;
    attempt(file.path, () => status.readAt(directory, file.name));
    if (isWhiteoutDevice(status)) return undefined;
    if (status.type !== constants.S_IFDIR && status.type !== constants.S_IFREG)
      return new UpperEntry(parent, name, file, prefix);
    const attributes = attempt(file.path, () => new OverlayAttributes(directory, file.name, prefix));
    if (status.type === constants.S_IFREG) {
      if (status.size === 0 && attributes.isWhiteout) return undefined;
      const content = attributes.isMetacopy ? this.#content(this.#lower(listed, name, attributes), path) : undefined;
      return new UpperEntry(parent, name, file, prefix, content);
    }
    this.#refuseWritten(file);
    if (level === undefined || status.device !== level.device)
      throw wrong(file.path, "another file system is mounted there");
    const entry = new UpperEntry(parent, name, file, prefix);
    const ino = attributes.isOpaque ? undefined : this.#lower(listed, name, attributes);
    const below = ino !== undefined && this.#below.tree.attributes(ino)?.kind === "dir" ? ino : undefined;
    if (below !== undefined) this.#show(below, path);
    subdirectories.push({ entry, path, level: descent.level(level, file.name, status), below });
    return entry;
  }

  /** The inode below that a directory is merged with, or that has the content of a file. */
  #lower({ below }: Waiting, name: string, { redirect = name }: OverlayAttributes): number | undefined {
    const find = (directory: number | undefined, part: string): number | undefined =>
      directory === undefined ? undefined : this.#below.tree.lookup(directory, Buffer.from(part, "latin1"));
    if (!redirect.startsWith("/")) return redirect.includes("/") ? undefined : find(below, redirect);
    let at: number | undefined = ROOT_INO;
    for (const part of redirect.split("/")) if (part !== "") at = find(at, part);
    return at;
  }

  /** A file below, for its content. */
  #content(ino: number | undefined, path: string): BelowEntry {
    const attributes = ino === undefined ? undefined : this.#below.tree.attributes(ino);
    if (attributes?.kind === "file") return new BelowEntry(this.#below, undefined, "", path, attributes);
    throw wrong(this.#path + path, "the image below does not have the file whose content it should have");
  }

  #refuseWritten({ path, status }: FoundFile): void {
    if (this.#upper.written.has(status.identity)) throw wrong(path, "it is the image layout that is being written");
  }

  #show(ino: number, path: string): void {
    if (this.#shown.has(ino))
      throw wrong(this.#path + path, "it shows a directory of the image that another one shows too");
    this.#shown.add(ino);
  }
}

/** @param path latin1 */
function wrong(path: string, what: string): BuildError {
  return new BuildError(printable(Buffer.from(path, "latin1")), what);
}
