import { canonicalJson } from "./canonical-json.ts";
import { digestHex } from "./digests.ts";
import { LayoutError } from "./errors.ts";
import { elements, isArrayAt, isObjectAt, JsonTextError, pick, textAt, wholeValue, type Span } from "./json-spans.ts";
import { samePlatform, type Platform } from "./platform.ts";

/** The annotation that holds a tag. */
export const REF_NAME = "org.opencontainers.image.ref.name";
/** OCI's annotations of the image that an image is based on. */
const BASE_NAME = "org.opencontainers.image.base.name";
const BASE_DIGEST = "org.opencontainers.image.base.digest";
/** The media type of an index inside of an index. */
export const INDEX_TYPE = "application/vnd.oci.image.index.v1+json";
/** The same of Docker. */
const DOCKER_LIST_TYPE = "application/vnd.docker.distribution.manifest.list.v2+json";

export function isIndexType(mediaType: string | undefined): boolean {
  return mediaType === INDEX_TYPE || mediaType === DOCKER_LIST_TYPE;
}

/** The largest index.json, bytes. 10,000 images with tags of 255 letters take 5.3 MB. */
export const INDEX_LIMIT = 8 * 1024 * 1024;
/** The most entries of an index. An entry with a sha256 has 84 bytes or more, so that only other things are more in 8 MiB. */
const ENTRY_LIMIT = 100_000;

/** A reference to a blob, as we write it. */
export interface Descriptor {
  mediaType: string;
  /** "sha256:<64 hex>". */
  digest: string;
  /** Bytes as stored. */
  size: number;
  annotations?: Record<string, string>;
  platform?: Platform;
  /** The blob itself, in base64. */
  data?: string;
}

/** The image in a registry that an image was built on. */
export interface BaseRecord {
  /** HOST[:PORT]/REPOSITORY, with a tag as it was named. */
  name: string;
  /** Hex sha256 of its manifest there. */
  digest: string;
}

export function baseAnnotations({ name, digest }: BaseRecord): Record<string, string> {
  return { [BASE_NAME]: name, [BASE_DIGEST]: `sha256:${digest}` };
}

/** An entry of an index, from any tool: members that are absent, null or of another type are undefined. */
export interface IndexEntry {
  tag: string | undefined;
  mediaType: string | undefined;
  /** "ALGORITHM:ENCODED". */
  digest: string | undefined;
  /** Bytes. */
  size: number | undefined;
  /** Undefined where the image is for no platform in particular; "unknown" where we cannot read for which. */
  platform: Platform | "unknown" | undefined;
  base?: BaseRecord;
}

/**
 * index.json, or an index in an index: its text, with one character for each byte. Only the members that are needed are read. Other
 * tools have entries in it too, so only a wrong grammar makes it corrupt, and a change leaves all other bytes as they are.
 */
export class ImageIndex {
  static readonly empty = new ImageIndex('{"manifests":[],"schemaVersion":2}', "an empty index");

  readonly #text: string;
  readonly #path: string;
  readonly #top: Span;
  /** An array, null, or absent. umoci writes null for an empty list. */
  readonly #manifests: Span | undefined;

  /** Checks the shape of the index. `path` is for messages. Throws LayoutError (corrupt, unsupported). */
  constructor(text: string, path: string) {
    this.#text = text;
    this.#path = path;
    try {
      this.#top = wholeValue(text);
    } catch (error) {
      if (!(error instanceof JsonTextError)) throw error;
      throw new LayoutError("corrupt", path, error.message, error);
    }
    if (!isObjectAt(text, this.#top)) throw new LayoutError("corrupt", path, "not a JSON object");
    const { schemaVersion, manifests } = pick(text, this.#top, "schemaVersion", "manifests");
    const version = this.#spelling(schemaVersion);
    if (version !== undefined && Number(version) !== 2)
      throw new LayoutError("unsupported", path, "schemaVersion is not 2");
    this.#manifests = manifests;
    if (this.#list() === undefined && this.#spelling(this.#manifests) !== undefined)
      throw new LayoutError("corrupt", path, "manifests is not an array");
    let count = 0;
    for (const { end } of this.#spans())
      if (end > 0 && ++count > ENTRY_LIMIT)
        throw new LayoutError("unsupported", path, `more than ${ENTRY_LIMIT} entries`);
  }

  static parse(bytes: Buffer, path: string): ImageIndex {
    return new ImageIndex(bytes.toString("latin1"), path);
  }

  bytes(): Buffer {
    return Buffer.from(this.#text, "latin1");
  }

  *entries(): Generator<IndexEntry> {
    for (const span of this.#spans()) yield readEntry(this.#text, span);
  }

  /**
   * The index in which `tag` means `descriptor` on its platform: it replaces the tag's first entry of that platform
   * (further ones are removed), or is added at the end. Entries of the tag for other platforms stay, an index among them.
   */
  withTag(tag: string, descriptor: Descriptor & { platform: Platform }): ImageIndex {
    const entry = canonicalJson({ ...descriptor, annotations: { ...descriptor.annotations, [REF_NAME]: tag } });
    const added = Buffer.from(entry).toString("latin1");
    if (this.#list() === undefined) return new ImageIndex(this.#withList(`[${added}]`), this.#path);
    let isAdded = false;
    const edit = (old: IndexEntry, spelling: string): string[] => {
      const isOld = old.tag === tag && isReplaced(old, descriptor.platform);
      // Before an index of that tag, so that what is newer is found first.
      const isHere = !isAdded && (isOld || (old.tag === tag && old.mediaType === INDEX_TYPE));
      isAdded ||= isHere;
      return [...(isHere ? [added] : []), ...(isOld ? [] : [spelling])];
    };
    return this.#edited(edit, () => (isAdded ? [] : [added]));
  }

  /** The index without some entries. */
  without(isRemoved: (entry: IndexEntry) => boolean): ImageIndex {
    return this.#edited((entry, spelling) => (isRemoved(entry) ? [] : [spelling]));
  }

  /** The index with what `edit` returns in place of each entry, and `last` at the end; all other bytes stay. */
  #edited(edit: (entry: IndexEntry, spelling: string) => string[], last: () => string[] = () => []): ImageIndex {
    const text = this.#text;
    const list = this.#list();
    if (list === undefined) return this;
    const pieces = [text.slice(0, list.start + 1)];
    const push = (separator: string, item: string): void => {
      if (pieces.length === 1) pieces.push(separator.replace(",", ""), item);
      else pieces.push(separator.includes(",") ? separator : `,${separator}`, item);
    };
    let end = list.start + 1;
    for (const span of this.#spans()) {
      const separator = text.slice(end, span.start);
      end = span.end;
      for (const item of edit(readEntry(text, span), text.slice(span.start, span.end))) push(separator, item);
    }
    for (const item of last()) push("", item);
    return new ImageIndex(pieces.join("") + text.slice(end), this.#path);
  }

  /**
   * The index in which the entries of `tag` that name the manifest `before`, hex sha256, name another one; all else stays as it
   * is spelled. Undefined if there is no such entry.
   */
  withTarget(
    tag: string,
    before: string,
    { digest, size }: Pick<Descriptor, "digest" | "size">,
  ): ImageIndex | undefined {
    const text = this.#text;
    const pieces: string[] = [];
    let end = 0;
    for (const span of this.#spans()) {
      const old = readEntry(text, span);
      if (old.tag !== tag || old.digest !== `sha256:${before}`) continue;
      const members = pickAny(text, span, "digest", "size");
      const changes = [
        { span: members.digest, value: JSON.stringify(digest) },
        { span: members.size, value: String(size) },
      ];
      for (const { span: at, value } of changes.toSorted((a, b) => (a.span?.start ?? 0) - (b.span?.start ?? 0))) {
        if (at === undefined) continue;
        pieces.push(text.slice(end, at.start), value);
        end = at.end;
      }
    }
    return pieces.length === 0 ? undefined : new ImageIndex(pieces.join("") + text.slice(end), this.#path);
  }

  /** The text with another value of `manifests`, which has none or null. */
  #withList(value: string): string {
    const text = this.#text;
    const span = this.#manifests;
    if (span !== undefined) return text.slice(0, span.start) + value + text.slice(span.end);
    const start = this.#top.start + 1;
    const isEmpty = text.slice(start, this.#top.end - 1).trim() === "";
    return `${text.slice(0, start)}"manifests":${value}${isEmpty ? "" : ","}${text.slice(start)}`;
  }

  #list(): Span | undefined {
    return isArrayAt(this.#text, this.#manifests) ? this.#manifests : undefined;
  }

  #spans(): Iterable<Span> {
    const list = this.#list();
    return list === undefined ? [] : elements(this.#text, list);
  }

  /** The spelling of a value; undefined where it is null or absent. */
  #spelling(span: Span | undefined): string | undefined {
    const text = span && this.#text.slice(span.start, span.end);
    return text === "null" ? undefined : text;
  }
}

/** Whether an image for `platform` replaces this entry of the same tag. Entries that cannot be read stay. */
function isReplaced(old: IndexEntry, platform: Platform): boolean {
  if (old.platform === undefined) return old.mediaType !== INDEX_TYPE;
  return old.platform !== "unknown" && samePlatform(old.platform, platform);
}

function readEntry(text: string, span: Span): IndexEntry {
  const entry = pickAny(text, span, "annotations", "mediaType", "digest", "size", "platform");
  const annotations = pickAny(text, entry.annotations, REF_NAME, BASE_NAME, BASE_DIGEST);
  const base = baseAt(textAt(text, annotations[BASE_NAME]), textAt(text, annotations[BASE_DIGEST]));
  return {
    tag: textAt(text, annotations[REF_NAME]),
    mediaType: textAt(text, entry.mediaType),
    digest: textAt(text, entry.digest),
    size: sizeAt(text, entry.size),
    platform: platformAt(text, entry.platform),
    ...(base !== undefined && { base }),
  };
}

function baseAt(name: string | undefined, digest: string | undefined): BaseRecord | undefined {
  const hex = digestHex(digest ?? "");
  return name === undefined || hex === undefined ? undefined : { name, digest: hex };
}

/** No members where the value is no object. */
function pickAny<Key extends string>(text: string, span: Span | undefined, ...keys: Key[]): Partial<Record<Key, Span>> {
  return isObjectAt(text, span) ? pick(text, span, ...keys) : {};
}

function sizeAt(text: string, span: Span | undefined): number | undefined {
  const spelling = span === undefined ? "" : text.slice(span.start, Math.min(span.end, span.start + 32));
  return /^\d+$/.test(spelling) ? Number(spelling) : undefined;
}

function platformAt(text: string, span: Span | undefined): Platform | "unknown" | undefined {
  if (span === undefined || text[span.start] === "n") return undefined;
  const platform = pickAny(text, span, "os", "architecture", "variant");
  const os = textAt(text, platform.os);
  const architecture = textAt(text, platform.architecture);
  const variant = textAt(text, platform.variant);
  if (!os || !architecture) return "unknown";
  return { architecture, os, ...(variant && { variant }) };
}
