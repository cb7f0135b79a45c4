import { constants } from "node:fs";
import {
  close,
  Directory,
  fremovexattr,
  linkat,
  makedev,
  MissingProcError,
  mkdirat,
  mknodat,
  O_PATH,
  openat,
  symlinkat,
  unlinkat,
} from "@puzzlefs/linux";
import { escapeBytes } from "./escape.ts";
import { restoreByName, restoreOpened } from "./extract-attributes.ts";
import type { Xattr } from "./extract-attributes.ts";
import { ExtractWarnings } from "./extract-warnings.ts";
import type { ExtractWarning } from "./extract-warnings.ts";
import { readContent } from "./listing.ts";
import { SparseWriter } from "./sparse-writer.ts";
import type { Attributes, Tree } from "./tree.ts";
import { pathOf, walkTree } from "./walk.ts";
import type { Visit, Visitor } from "./walk.ts";
import { isOverlayXattr } from "./xattr-names.ts";

export interface ExtractOptions {
  /** Extract into a directory that is not empty: directories are merged, other names replaced. Default false. */
  force?: boolean;
  /** Restore the attributes that overlayfs marks its files with, instead of leaving them out. Default false. */
  overlayAttributes?: boolean;
  /** Called now and then with what is done so far. */
  progress?: (inodes: number, bytes: number) => void;
}

export interface ExtractResult {
  inodes: number;
  /** Content written or left as holes. */
  bytes: number;
  /** What an ordinary user, or the target's file system, cannot have. */
  warnings: ExtractWarning[];
}

const contentBufferSize = 1 << 20;
const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY;
const newFileFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
const progressEvery = 64;
const slash = 0x2f;

/**
 * Writes a tree into a directory, which is made when absent and must otherwise be empty (a `lost+found` does not
 * count) unless `force` says so. Owners, modes, times, extended attributes, hard links and special files come
 * back as they were; an ordinary user gets what he may have, and the rest as warnings.
 *
 * Every call is relative to a directory opened by this process and follows no symbolic link, so nothing outside the
 * target is written, whatever the image says and whoever changes the target meanwhile.
 *
 * @throws what reading or writing throws; its message says what is left in the target
 */
export function extract(tree: Tree, target: string, options: ExtractOptions = {}): ExtractResult {
  using opened = Directory.make(target, 0o777);
  const force = options.force ?? false;
  if (!force && opened.names().some((name) => name !== "lost+found")) {
    throw new Error(`${target}: the directory is not empty (extract --force merges into it)`);
  }
  const root = openat(opened.descriptor, ".", directoryFlags);
  const extraction = new Extraction(tree, root, { ...options, force });
  try {
    walkTree(tree, extraction);
  } catch (error) {
    const done = `${extraction.inodes} of ${tree.inodeCount} inodes`;
    if (error instanceof Error) error.message += ` (${target} is left incomplete, with ${done})`;
    throw error;
  } finally {
    extraction.close();
  }
  return { inodes: extraction.inodes, bytes: extraction.bytes, warnings: extraction.warnings.list };
}

class Extraction implements Visitor {
  inodes = 0;
  bytes = 0;
  readonly warnings = new ExtractWarnings();
  readonly #tree: Tree;
  readonly #force: boolean;
  readonly #overlayAttributes: boolean;
  readonly #progress: (inodes: number, bytes: number) => void;
  /** Descriptors of the directories on the way from the root to where we are. */
  readonly #open = new Map<Visit, number>();
  readonly #firstNames = new Map<number, Visit>();
  readonly #buffer = Buffer.allocUnsafeSlow(contentBufferSize);
  #root: number | undefined;

  constructor(tree: Tree, root: number, options: ExtractOptions) {
    this.#tree = tree;
    this.#root = root;
    this.#force = options.force ?? false;
    this.#overlayAttributes = options.overlayAttributes ?? false;
    this.#progress = options.progress ?? (() => undefined);
  }

  enter(visit: Visit): void {
    explain(visit, () => this.#enter(visit));
  }

  leave(visit: Visit): void {
    const descriptor = this.#open.get(visit) as number;
    this.#open.delete(visit);
    try {
      const xattrs = this.#xattrs(visit);
      explain(visit, () => restoreOpened(descriptor, visit, xattrs, this.warnings));
    } finally {
      close(descriptor);
    }
  }

  close(): void {
    for (const descriptor of this.#open.values()) close(descriptor);
    this.#open.clear();
    if (this.#root !== undefined) close(this.#root);
  }

  /** What is to be restored. */
  #xattrs(visit: Visit): Xattr[] {
    const xattrs = this.#tree.xattrs(visit.attributes.ino);
    if (this.#overlayAttributes) return xattrs;
    const kept = xattrs.filter(({ name }) => !isOverlayXattr(name));
    if (kept.length < xattrs.length) this.warnings.add("overlay attribute", visit);
    return kept;
  }

  #enter(visit: Visit): void {
    if (visit.parent === undefined) {
      this.#open.set(visit, this.#root as number);
      dropDefaultAcl(this.#root as number);
      this.#root = undefined;
      this.inodes += 1;
      return;
    }
    // Validation refuses such names; a second look costs nothing, and here they would lead out of the target.
    if (!isComponent(visit.name)) throw new Error(`${escapeBytes(visit.name)} is not a name of a file`);
    const directory = this.#open.get(visit.parent) as number;
    const { ino, kind, nlink } = visit.attributes;
    if (kind === "dir") {
      this.#open.set(visit, this.#makeDirectory(directory, visit));
    } else {
      const first = nlink > 1 ? this.#firstNames.get(ino) : undefined;
      if (first !== undefined && this.#link(first, directory, visit)) return;
      if (nlink > 1) this.#firstNames.set(ino, visit);
      if (kind === "file") this.#makeFile(directory, visit);
      else if (!this.#makeSpecial(directory, visit)) return;
    }
    this.inodes += 1;
    if (this.inodes % progressEvery === 0) this.#progress(this.inodes, this.bytes);
  }

  #makeDirectory(directory: number, visit: Visit): number {
    const { name } = visit;
    try {
      mkdirat(directory, name, 0o700);
    } catch (error) {
      const isLostAndFound = visit.parent?.parent === undefined && Buffer.from(name).toString() === "lost+found";
      if (codeOf(error) !== "EEXIST" || !(this.#force || isLostAndFound)) throw error;
      try {
        return openat(directory, name, directoryFlags);
      } catch (openError) {
        // Something else has the name: openat does not follow a symbolic link.
        if (codeOf(openError) !== "ENOTDIR" && codeOf(openError) !== "ELOOP") throw openError;
        unlinkat(directory, name);
        mkdirat(directory, name, 0o700);
      }
    }
    return openat(directory, name, directoryFlags);
  }

  #makeFile(directory: number, visit: Visit): void {
    const { name, attributes } = visit;
    const descriptor = this.#create(directory, name, () => openat(directory, name, newFileFlags, 0o600));
    try {
      const writer = new SparseWriter(descriptor);
      if (attributes.size > 0) {
        for (const piece of readContent(this.#tree, attributes.ino, this.#buffer)) {
          writer.append(piece);
          this.bytes += piece.length;
          if (piece.length === contentBufferSize) this.#progress(this.inodes, this.bytes);
        }
      }
      writer.finish();
      restoreOpened(descriptor, visit, this.#xattrs(visit), this.warnings);
    } finally {
      close(descriptor);
    }
  }

  /** False when it cannot be had. */
  #makeSpecial(directory: number, visit: Visit): boolean {
    const { name, attributes } = visit;
    if (attributes.kind === "lnk") {
      const target = this.#tree.readlink(attributes.ino);
      this.#create(directory, name, () => symlinkat(target, directory, name));
    } else {
      const make = (): void => makeNode(directory, name, attributes);
      const made = this.warnings.tolerate(attributes.kind, visit, () => this.#create(directory, name, make));
      if (!made) {
        this.#firstNames.delete(attributes.ino);
        return false;
      }
    }
    restoreByName(directory, visit, this.#xattrs(visit), this.warnings);
    return true;
  }

  /** Makes a name that is not a directory; with `force` what had the name goes. */
  #create<T>(directory: number, name: Uint8Array, make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (codeOf(error) !== "EEXIST" || !this.#force) throw error;
      unlinkat(directory, name);
      return make();
    }
  }

  /** False when the first name is out of reach, and the file has to be written again. */
  #link(first: Visit, directory: number, visit: Visit): boolean {
    return this.warnings.tolerate("hard link", visit, () => {
      this.#withDirectory(first.parent as Visit, (from) => {
        this.#create(directory, visit.name, () => linkat(from, first.name, directory, visit.name));
      });
    });
  }

  /** Opens a directory that we made, from the nearest one that is still open, without following anything. */
  #withDirectory(wanted: Visit, action: (descriptor: number) => void): void {
    const below: Visit[] = [];
    let at = wanted;
    while (!this.#open.has(at)) {
      below.push(at);
      at = at.parent as Visit;
    }
    let descriptor = this.#open.get(at) as number;
    let ours = false;
    try {
      for (const { name } of below.reverse()) {
        const next = openat(descriptor, name, O_PATH | constants.O_DIRECTORY);
        if (ours) close(descriptor);
        descriptor = next;
        ours = true;
      }
      action(descriptor);
    } finally {
      if (ours) close(descriptor);
    }
  }
}

function isComponent(name: Uint8Array): boolean {
  const isDots = name.length <= 2 && name.every((byte) => byte === 0x2e);
  return !isDots && !name.includes(slash);
}

function makeNode(directory: number, name: Uint8Array, { kind, mode, major, minor }: Attributes): void {
  const device = kind === "chr" || kind === "blk" ? makedev(major, minor) : 0;
  mknodat(directory, name, (mode & constants.S_IFMT) | 0o600, device);
}

/** What is made in the target must not inherit an access control list from it. */
function dropDefaultAcl(descriptor: number): void {
  try {
    fremovexattr(descriptor, "system.posix_acl_default");
  } catch (error) {
    const code = codeOf(error);
    if (code !== "ENODATA" && code !== "ENOTSUP" && code !== "EOPNOTSUPP" && code !== "EPERM") throw error;
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/** System calls name one component; the message should name the whole path. */
function explain(visit: Visit, action: () => void): void {
  try {
    action();
  } catch (error) {
    const isSystemError = error instanceof Error && ("syscall" in error || error instanceof MissingProcError);
    if (isSystemError) error.message = `extracting ${escapeBytes(pathOf(visit))}: ${error.message}`;
    throw error;
  }
}
