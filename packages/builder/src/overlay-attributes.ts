import { constants } from "node:fs";

import { lgetxattrAt, llistxattrAt, type FileStatus } from "@puzzlefs/linux";

/** Begins the names of overlayfs' own attributes; the second is for overlays that are mounted with userxattr. */
export type OverlayPrefix = "trusted.overlay." | "user.overlay.";

/** Behind the prefix: an attribute that the user of the overlay sees without this word. */
const ESCAPE = "overlay.";

/** Attributes of overlayfs on an entry of an upper directory. See Documentation/filesystems/overlayfs.rst of Linux. */
export class OverlayAttributes {
  readonly #directory: number;
  readonly #name: Uint8Array;
  readonly #prefix: OverlayPrefix;
  /** Without the prefix. */
  readonly #names: ReadonlySet<string>;

  constructor(directory: number, name: Uint8Array, prefix: OverlayPrefix) {
    this.#directory = directory;
    this.#name = name;
    this.#prefix = prefix;
    const names = llistxattrAt(directory, name).map((attribute) => attribute.toString("latin1"));
    this.#names = new Set(names.filter((text) => text.startsWith(prefix)).map((text) => text.slice(prefix.length)));
  }

  /** A file that marks a removed name. */
  get isWhiteout(): boolean {
    return this.#names.has("whiteout");
  }

  /** A directory whose entries are all in the upper directory. */
  get isOpaque(): boolean {
    return this.#value("opaque")?.equals(Buffer.from("y")) === true;
  }

  /** A file whose content is below. */
  get isMetacopy(): boolean {
    return this.#names.has("metacopy");
  }

  /** A file whose other names, which are below, show it too. */
  get isIndexed(): boolean {
    return this.#names.has("nlink");
  }

  /** The name below, latin1: in the same directory, or an absolute path. */
  get redirect(): string | undefined {
    return this.#value("redirect")?.toString("latin1");
  }

  #value(name: string): Buffer | undefined {
    return this.#names.has(name) ? lgetxattrAt(this.#directory, this.#name, this.#prefix + name) : undefined;
  }
}

/** The name by which the overlay shows an attribute of the upper directory; undefined for overlayfs' own. */
export function shownName(attribute: Buffer, prefix: OverlayPrefix): Buffer | undefined {
  const text = attribute.toString("latin1");
  if (!text.startsWith(prefix)) return attribute;
  const rest = text.slice(prefix.length);
  if (!rest.startsWith(ESCAPE)) return undefined;
  return Buffer.from(prefix + rest.slice(ESCAPE.length), "latin1");
}

/** A device that marks a removed name; in an index, a removed file. */
export function isWhiteoutDevice({ type, major, minor }: FileStatus): boolean {
  return type === constants.S_IFCHR && major === 0 && minor === 0;
}
