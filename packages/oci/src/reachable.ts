import { MAX_MANIFEST_BYTES } from "@puzzlefs/format";
import type { BlobDirectory } from "./blob-directory.ts";
import { digestHex } from "./digests.ts";
import { LayoutError } from "./errors.ts";
import type { IndexEntry } from "./index-json.ts";
import { pick, textAt, wholeValue } from "./json-spans.ts";
import { isPuzzlefs, printableType, referencedBlobs, SIGNATURE_TYPE } from "./manifest.ts";

/** A blob that another one refers to. */
export interface Reference {
  digest: string;
  /** It refers to no others. */
  isData: boolean;
  /** It is a blob for certain, and not only a digest in a document of another tool. */
  isListed: boolean;
}

/** In these bytes a JSON document begins, or it is none. */
const HEAD_BYTES = 4096;
/** First bytes of archives, which refer to no other blobs: gzip, zstd. */
const ARCHIVES = ["\x1f\x8b", "\x28\xb5\x2f\xfd"];

/**
 * All blobs (hex digests) that can be reached from some: of an image of PuzzleFS what its manifest lists; of other tools' entries every digest in
 * the JSON documents on the way, so that nothing of theirs is missed. Blobs that are not in the layout are among them.
 *
 * All methods throw LayoutError for a document that is damaged or breaks a rule, and for a blob that is damaged so that it may have
 * been a document. After that the closure is of no use.
 */
export class Closure {
  readonly digests = new Set<string>();
  readonly #blobs: BlobDirectory;
  /** Documents are read once: their digests have been checked. */
  readonly #read = new Set<string>();
  /** What was absent, too large, or an archive. */
  readonly #unread = new Set<string>();

  constructor(blobs: BlobDirectory) {
    this.#blobs = blobs;
  }

  /** Adds what an entry of an index needs. Throws LayoutError if the entry's own blob is not there or cannot be followed. */
  addEntry(entry: IndexEntry, path: string): void {
    const hex = digestHex(entry.digest ?? "");
    if (hex === undefined) {
      const problem = `an entry of ${printableType(entry.mediaType)} without a sha256 as its digest cannot be followed`;
      throw new LayoutError("unsupported", path, problem);
    }
    const size = this.#blobs.size(hex);
    if (size === undefined) throw new LayoutError("missing", this.#blobs.pathOf(hex), "no such blob");
    if (size > MAX_MANIFEST_BYTES)
      throw new LayoutError("unsupported", this.#blobs.pathOf(hex), `${size} bytes, more than a manifest may have`);
    this.add(hex);
  }

  /** Adds a blob and what it needs. */
  add(digest: string): void {
    this.#follow([digest]);
  }

  /** Looks again at what could not be read: it may be there now. */
  refresh(): void {
    const again = [...this.#unread];
    this.#unread.clear();
    this.#follow(again);
  }

  #follow(pending: string[]): void {
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      this.digests.add(next);
      if (this.#read.has(next) || this.#unread.has(next)) continue;
      const bytes = readWhole(this.#blobs, next);
      if (bytes === undefined) {
        this.#unread.add(next);
        continue;
      }
      this.#read.add(next);
      if (!isObject(bytes)) continue;
      for (const { digest, isData } of referencesIn(bytes, this.#blobs.pathOf(next))) {
        if (isData) this.digests.add(digest);
        else pending.push(digest);
      }
    }
  }
}

/** What an entry of an index needs, as a Closure has it; its own blob first. */
export function blobsOfEntry(blobs: BlobDirectory, entry: IndexEntry, path: string): Set<string> {
  const closure = new Closure(blobs);
  closure.addEntry(entry, path);
  return closure.digests;
}

/** What a blob needs, which may be missing or no document; itself first. */
export function blobsOf(blobs: BlobDirectory, digest: string): Set<string> {
  const closure = new Closure(blobs);
  closure.add(digest);
  return closure.digests;
}

/** Whether a blob begins as a JSON object that is small enough for a manifest, an index or a configuration. */
export function isDocument(blobs: BlobDirectory, digest: string): boolean {
  const size = blobs.size(digest);
  return size !== undefined && size <= MAX_MANIFEST_BYTES && startsDocument(blobs.head(digest, HEAD_BYTES));
}

/** Whether these are the first bytes of a JSON object. */
export function startsDocument(head: Buffer): boolean {
  return isObject(head.subarray(0, HEAD_BYTES));
}

function isObject(text: Buffer): boolean {
  return /^\s*\{/.test(text.toString("latin1"));
}

/** A blob that may be a document, checked against its digest; undefined if it is not there, or cannot be one. */
function readWhole(blobs: BlobDirectory, digest: string): Buffer | undefined {
  const size = blobs.size(digest);
  if (size === undefined || size > MAX_MANIFEST_BYTES) return undefined;
  const head = blobs.head(digest, 4).toString("latin1");
  return ARCHIVES.some((magic) => head.startsWith(magic)) ? undefined : blobs.read(digest, MAX_MANIFEST_BYTES);
}

/** The blobs that a document refers to. Throws LayoutError for a manifest of PuzzleFS that breaks a rule. */
export function* referencesIn(bytes: Buffer, path: string): Generator<Reference> {
  if (!isPuzzlefs(bytes)) return yield* namedDigests(withoutSubject(bytes.toString("latin1")));
  for (const { type, digest } of referencedBlobs(bytes, path))
    if (digest !== undefined) yield { digest, isData: type !== "config" && type !== "other", isListed: true };
  // What an image of PuzzleFS never has, but may have of another tool: an index with such media types in it, an image with a subject.
  const text = bytes.toString("latin1");
  if (!MORE.test(text)) return;
  const { manifests, subject } = pick(text, wholeValue(text), "manifests", "subject");
  for (const span of [manifests, subject])
    if (span !== undefined) yield* namedDigests(text.slice(span.start, span.end));
}

/** The text of a document; of a signature without its subject: it does not keep the image. */
function withoutSubject(text: string): string {
  if (!text.includes(SIGNATURE_TYPE)) return text;
  const { artifactType, subject } = pick(text, wholeValue(text), "artifactType", "subject");
  if (textAt(text, artifactType) !== SIGNATURE_TYPE || subject === undefined) return text;
  return text.slice(0, subject.start) + text.slice(subject.end);
}

const MORE = /"manifests"|"subject"|\\u/;

/** Every sha256 in a text, however its characters are escaped. */
function* namedDigests(text: string): Generator<Reference> {
  const plain = text.includes("\\u")
    ? text.replace(/\\u00([0-9a-fA-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
    : text;
  for (const [, digest] of plain.matchAll(/sha256:([0-9a-f]{64})(?![0-9a-f])/g))
    yield { digest, isData: false, isListed: false };
}
