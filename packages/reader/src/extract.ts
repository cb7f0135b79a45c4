import { constants } from "node:fs";
import { FormatError } from "@puzzlefs/format";
import { close, Directory, hasCode, linkat, MissingProcError, openat, symlinkat } from "@puzzlefs/linux";
import { IntegrityError } from "./errors.ts";
import { escapeBytes } from "./escape.ts";
import { AttributeRestorer } from "./extract-attributes.ts";
import type { Xattr } from "./extract-attributes.ts";
import {
  isComponent,
  makeDirectory,
  makeName,
  makeNode,
  openRoot,
  permitWriting,
  removePartial,
  withDirectory,
} from "./extract-target.ts";
import { ExtractWarnings, isRefusal } from "./extract-warnings.ts";
import type { ExtractWarning } from "./extract-warnings.ts";
import { writeContent } from "./sparse-writer.ts";
import type { Tree } from "./tree.ts";
import { pathOf, walkTree } from "./walk-tree.ts";
import type { Visit, Visitor } from "./walk-tree.ts";
import { isOverlayXattr } from "./xattr-names.ts";

export interface ExtractOptions {
  /** Extract into a directory that is not empty: directories are merged, other names replaced. Default false. */
  force?: boolean;
  /** Restore the attributes that overlayfs marks its files with, instead of leaving them out. Default false. */
  overlayAttributes?: boolean;
  /** Leave out files whose content is damaged or missing in the store, instead of ending there. Default false. */
  keepGoing?: boolean;
  /** Called several times a second with the progress so far. */
  progress?: (inodes: number, bytes: number) => void;
}

export interface ExtractResult {
  inodes: number;
  /** Content written or left as holes. */
  bytes: number;
  /** Files and attributes that were refused or left out. */
  warnings: ExtractWarning[];
}

const contentBufferSize = 1 << 20;
const newFileFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
const progressEvery = 64;

/**
 * Writes a tree into a directory, which is made when absent and must otherwise be empty (a `lost+found` does not
 * count) unless `force` is set. Owners, modes, times, extended attributes, hard links and special files are restored
 * exactly, whatever a new file would inherit. Files and attributes that the target's file system or the caller's rights do not
 * allow are left out and counted in the warnings.
 *
 * Every call is relative to a directory opened by this process and follows no symbolic link, so nothing outside the
 * target is written, whatever the image contains and whichever process changes the target meanwhile.
 *
 * @throws {IntegrityError | FormatError} content is damaged, unless `keepGoing` is set
 * @throws what reading or writing throws otherwise, also ENOSPC, EDQUOT, EIO and EROFS; the message has what is done
 */
export function extract(tree: Tree, target: string, options: ExtractOptions = {}): ExtractResult {
  using opened = Directory.make(target, 0o777);
  const force = options.force ?? false;
  if (!force && opened.names().some((name) => name !== "lost+found")) {
    throw new Error(`${target}: the directory is not empty (extract --force merges into it)`);
  }
  const root = openRoot(opened);
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
  readonly #restorer = new AttributeRestorer(this.warnings);
  readonly #tree: Tree;
  readonly #force: boolean;
  readonly #overlayAttributes: boolean;
  readonly #keepGoing: boolean;
  readonly #progress: (inodes: number, bytes: number) => void;
  /** Descriptors of the directories from the root to the current one. */
  readonly #open = new Map<Visit, number>();
  /** Directories that were there before, or inherited an access control list. */
  readonly #merged = new Set<Visit>();
  /** Of them, those whose default access control list cannot be removed. */
  readonly #bequeathing = new Set<Visit>();
  readonly #firstNames = new Map<number, Visit>();
  readonly #buffer = Buffer.allocUnsafeSlow(contentBufferSize);
  #root: number | undefined;

  constructor(tree: Tree, root: number, options: ExtractOptions) {
    this.#tree = tree;
    this.#root = root;
    this.#force = options.force ?? false;
    this.#overlayAttributes = options.overlayAttributes ?? false;
    this.#keepGoing = options.keepGoing ?? false;
    this.#progress = options.progress ?? (() => undefined);
  }

  enter(visit: Visit): void {
    explain(visit, () => this.#enter(visit));
  }

  leave(visit: Visit): void {
    const descriptor = this.#open.get(visit);
    if (descriptor === undefined) return;
    this.#open.delete(visit);
    this.#bequeathing.delete(visit);
    try {
      const xattrs = this.#xattrs(visit);
      explain(visit, () => {
        if (this.#merged.delete(visit)) this.#restorer.removeOthers(descriptor, visit, xattrs);
        this.#restorer.restoreOpened(descriptor, visit, xattrs);
      });
    } finally {
      close(descriptor);
    }
  }

  close(): void {
    for (const descriptor of this.#open.values()) close(descriptor);
    this.#open.clear();
    if (this.#root !== undefined) close(this.#root);
  }

  /** The attributes to restore. */
  #xattrs(visit: Visit): Xattr[] {
    const xattrs = this.#tree.xattrs(visit.attributes.ino);
    if (this.#overlayAttributes) return xattrs;
    const kept = xattrs.filter(({ name }) => !isOverlayXattr(name));
    if (kept.length < xattrs.length) this.warnings.add("overlay attribute", "left out", visit);
    return kept;
  }

  #enter(visit: Visit): void {
    if (visit.parent === undefined) {
      const root = this.#root as number;
      this.#root = undefined;
      this.#openMerged(root, visit);
      this.inodes += 1;
      return;
    }
    // Validation refuses such names; a second look costs nothing, and here they would lead out of the target.
    if (!isComponent(visit.name)) throw new Error(`${escapeBytes(visit.name)} is not a name of a file`);
    const { ino, kind, nlink } = visit.attributes;
    const directory = this.#open.get(visit.parent);
    if (directory === undefined) {
      this.warnings.add(kind, "missing", visit, "its directory is missing");
      return;
    }
    const shared = kind !== "dir" && nlink > 1;
    const first = shared ? this.#firstNames.get(ino) : undefined;
    const linkError = first === undefined ? undefined : this.#link(first, directory, visit);
    if (first !== undefined && linkError === undefined) return;
    if (!this.#make(directory, visit)) return;
    // The names that follow are linked to this one: the first may have as many as the file system allows.
    if (shared) this.#firstNames.set(ino, visit);
    if (first === undefined) this.inodes += 1;
    else this.warnings.add("hard link", "copied", visit, linkError);
    if (this.inodes % progressEvery === 0) this.#progress(this.inodes, this.bytes);
  }

  /** False when the target refuses it, and it is missing. */
  #make(directory: number, visit: Visit): boolean {
    const { kind } = visit.attributes;
    if (kind === "dir") return this.#makeDirectory(directory, visit);
    if (kind === "file") return this.#makeFile(directory, visit);
    return this.#makeSpecial(directory, visit);
  }

  #makeDirectory(directory: number, visit: Visit): boolean {
    const { name } = visit;
    const isLostAndFound = visit.parent?.parent === undefined && Buffer.from(name).toString() === "lost+found";
    return this.warnings.tolerate("dir", "missing", visit, () => {
      const { descriptor, existed } = makeDirectory(directory, name, this.#force || isLostAndFound);
      if (!existed && !this.#inherits(visit)) {
        this.#open.set(visit, descriptor);
        return;
      }
      if (existed) permitWriting(descriptor);
      this.#openMerged(descriptor, visit);
    });
  }

  /** Whether a new file gets an access control list from its directory. */
  #inherits(visit: Visit): boolean {
    return this.#bequeathing.has(visit.parent as Visit);
  }

  /** New files in an existing directory must not inherit its access control list. */
  #openMerged(descriptor: number, visit: Visit): void {
    this.#open.set(visit, descriptor);
    this.#merged.add(visit);
    if (!this.#restorer.removeDefaultAcl(descriptor, visit)) this.#bequeathing.add(visit);
  }

  #makeFile(directory: number, visit: Visit): boolean {
    const { name, attributes } = visit;
    let descriptor = -1;
    const create = (): void => {
      descriptor = makeName(directory, name, this.#force, () => openat(directory, name, newFileFlags, 0o600));
    };
    if (!this.warnings.tolerate("file", "missing", visit, create)) return false;
    const bytesBefore = this.bytes;
    try {
      for (const count of writeContent(descriptor, this.#tree, attributes, this.#buffer)) {
        this.bytes += count;
        if (count >= contentBufferSize) this.#progress(this.inodes, this.bytes);
      }
      const xattrs = this.#xattrs(visit);
      if (this.#inherits(visit)) this.#restorer.removeOthers(descriptor, visit, xattrs);
      this.#restorer.restoreOpened(descriptor, visit, xattrs);
      return true;
    } catch (error) {
      removePartial(directory, name);
      if (!this.#isLeftOut(error, visit)) throw error;
      this.bytes = bytesBefore;
      return false;
    } finally {
      close(descriptor);
    }
  }

  /** Whether only this file cannot be written: it is too large for the file system, or damaged in the store. */
  #isLeftOut(error: unknown, visit: Visit): boolean {
    const damaged = isDamage(error);
    if (!hasCode(error, "EFBIG") && !(damaged && this.#keepGoing)) return false;
    this.warnings.add("file", damaged ? "damaged" : "missing", visit, error);
    return true;
  }

  #makeSpecial(directory: number, visit: Visit): boolean {
    const { name, attributes } = visit;
    const { kind, ino } = attributes;
    const target = kind === "lnk" ? this.#tree.readlink(ino) : undefined;
    const make = (): void => {
      if (target === undefined) makeNode(directory, name, attributes);
      else symlinkat(target, directory, name);
    };
    const create = (): void => makeName(directory, name, this.#force, make);
    if (!this.warnings.tolerate(kind, "missing", visit, create)) return false;
    this.#restorer.restoreByName(directory, visit, this.#xattrs(visit));
    return true;
  }

  /** Returns why it is refused, and the file has to be written again. */
  #link(first: Visit, directory: number, visit: Visit): unknown {
    const below: Visit[] = [];
    let at = first.parent as Visit;
    for (; !this.#open.has(at); at = at.parent as Visit) below.push(at);
    try {
      withDirectory(this.#open.get(at) as number, below.reverse(), (from) => {
        makeName(directory, visit.name, this.#force, () => linkat(from, first.name, directory, visit.name));
      });
      return undefined;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return error;
    }
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof IntegrityError || error instanceof FormatError;
}

/** System calls name one component, and integrity errors a blob; the message should have the whole path. */
function explain(visit: Visit, action: () => void): void {
  try {
    action();
  } catch (error) {
    const lacksPath = isDamage(error) || error instanceof MissingProcError;
    if (error instanceof Error && (lacksPath || "syscall" in error)) {
      error.message = `extracting ${escapeBytes(pathOf(visit))}: ${error.message}`;
    }
    throw error;
  }
}
