import { printable } from "@puzzlefs/linux";
import type { Attributes, ImageTree } from "@puzzlefs/reader";

import { DirectoryEntry } from "./directory-entry.ts";
import { BuildError } from "./errors.ts";
import { ImageEntry } from "./image-source.ts";
import { shownName, type OverlayPrefix } from "./overlay-attributes.ts";
import type { FoundFile } from "./read-file.ts";
import type { ContentSink, SourceEntry, SourceXattr, StoredContent } from "./source.ts";
import type { StoredChunks } from "./stored-chunks.ts";

/** The image below an overlay. */
export interface Below {
  tree: ImageTree;
  chunks: StoredChunks;
  /** For content that is read. */
  buffer: Buffer;
  /** Of the attributes that the overlay interprets, also those of the image. */
  prefix: OverlayPrefix;
}

/** A name of the image below that shows through. */
export class BelowEntry extends ImageEntry {
  readonly #below: Below;
  readonly #ino: number;
  readonly #isEmpty: boolean;

  constructor(below: Below, directory: SourceEntry | undefined, name: string, path: string, attributes: Attributes) {
    super(below.tree, directory, name, path, attributes, below.buffer);
    const { ino, kind, major, minor, size } = attributes;
    this.#below = below;
    this.#ino = ino;
    this.#isEmpty = kind !== "file" || size === 0;
    if (kind === "chr" && major === 0 && minor === 0) throw this.#marked("it is a whiteout of another overlay");
  }

  override get link(): string | undefined {
    return super.link === undefined ? undefined : `below ${super.link}`;
  }

  override xattrs(accepts: (name: Buffer) => boolean): readonly SourceXattr[] {
    return super.xattrs((name) => {
      if (name.toString("latin1").startsWith(this.#below.prefix)) throw this.#marked(`it has ${printable(name)}`);
      return accepts(name);
    });
  }

  get stored(): StoredContent | undefined {
    if (this.#isEmpty) return undefined;
    const { chunks } = this.#below;
    return {
      pieces: chunks.pieces(this.#ino),
      position: chunks.position(this.#ino),
      content: (sink, from) => this.content(sink, from),
    };
  }

  /** An overlay over it would not show the image. */
  #marked(what: string): BuildError {
    const path = printable(Buffer.from(this.path, "latin1"));
    return new BuildError(path, `${what}, so that an overlay does not show the image below as it is`);
  }
}

/** A name of the upper directory, or of the index of hard links. */
export class UpperEntry extends DirectoryEntry {
  readonly #prefix: OverlayPrefix;
  readonly #content: BelowEntry | undefined;
  readonly #identity: string | undefined;

  /**
   * @param content whose content it has, where only its attributes are in the upper directory
   * @param identity of a file of the index, which has any number of names below
   */
  constructor(
    directory: SourceEntry | undefined,
    name: string,
    file: FoundFile,
    prefix: OverlayPrefix,
    content?: BelowEntry,
    identity?: string,
  ) {
    super(directory, name, file, content?.size);
    this.#prefix = prefix;
    this.#content = content;
    this.#identity = identity;
  }

  override get link(): string | undefined {
    const link = this.#identity ?? super.link;
    return link === undefined ? undefined : `upper ${link}`;
  }

  override xattrs(accepts: (name: Buffer) => boolean): readonly SourceXattr[] {
    const shown = (name: Buffer): Buffer | undefined => shownName(name, this.#prefix);
    return super
      .xattrs((name) => {
        const visible = shown(name);
        return visible !== undefined && accepts(visible);
      })
      .map(({ key, val }) => ({ key: shown(key) ?? key, val }));
  }

  override get stored(): StoredContent | undefined {
    return this.#content?.stored;
  }

  override content(sink: ContentSink): Iterable<void> | undefined {
    return this.#content === undefined ? super.content(sink) : this.#content.content(sink);
  }
}
