import { MAX_MANIFEST_BYTES } from "@puzzlefs/format";
import type { BlobDirectory } from "./blob-directory.ts";
import { digestHex } from "./digests.ts";
import { LayoutError } from "./errors.ts";
import type { IndexEntry } from "./index-json.ts";
import { pick, wholeValue } from "./json-spans.ts";
import { isPuzzlefs, printableType, referencedBlobs } from "./manifest.ts";

/** A blob that another one refers to. */
export interface Reference {
  digest: string;
  /** It refers to no others. */
  isData: boolean;
  /** It is a blob for certain, and not only a digest in a document of another tool. */
  isListed: boolean;
}

/** In these bytes a JSON document begins, or it is none. */
const HEAD_BYTES = 64;

/**
 * Digests (hex) of all blobs that an entry of an index needs, its own first: of an image of PuzzleFS what its manifest lists; of
 * entries of other tools every digest in the JSON documents that can be reached, so that nothing of theirs is missed.
 * A blob that is not in the layout is among them. Throws LayoutError if the entry's own blob is not there or cannot be followed, or a document is
 * damaged.
 */
export function blobsOfEntry(blobs: BlobDirectory, entry: IndexEntry, path: string): Set<string> {
  const hex = digestHex(entry.digest ?? "");
  if (hex === undefined) {
    const type = printableType(entry.mediaType);
    throw new LayoutError("unsupported", path, `an entry of ${type} without a sha256 as its digest cannot be followed`);
  }
  const size = blobs.size(hex);
  if (size === undefined) throw new LayoutError("missing", blobs.pathOf(hex), "no such blob");
  if (size > MAX_MANIFEST_BYTES)
    throw new LayoutError("unsupported", blobs.pathOf(hex), `${size} bytes, more than a manifest may have`);
  return blobsOf(blobs, hex);
}

/** The same of a blob, which may be missing or no document. */
export function blobsOf(blobs: BlobDirectory, digest: string): Set<string> {
  const reached = new Set([digest]);
  const pending = [digest];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const { digest: found, isData } of referencesOf(blobs, next)) {
      if (reached.has(found)) continue;
      reached.add(found);
      if (!isData) pending.push(found);
    }
  }
  return reached;
}

/** Whether a blob begins as a JSON object that is small enough for a manifest, an index or a configuration. */
export function isDocument(blobs: BlobDirectory, digest: string): boolean {
  const size = blobs.size(digest);
  return size !== undefined && size <= MAX_MANIFEST_BYTES && startsDocument(blobs.head(digest, HEAD_BYTES));
}

/** Whether these are the first bytes of a JSON object. */
export function startsDocument(head: Buffer): boolean {
  return /^\s*\{/.test(head.toString("latin1", 0, HEAD_BYTES));
}

function referencesOf(blobs: BlobDirectory, digest: string): Iterable<Reference> {
  return isDocument(blobs, digest) ? referencesIn(blobs.read(digest, MAX_MANIFEST_BYTES), blobs.pathOf(digest)) : [];
}

/** The blobs that a document refers to. Throws LayoutError for a manifest of PuzzleFS that breaks a rule. */
export function* referencesIn(bytes: Buffer, path: string): Generator<Reference> {
  if (!isPuzzlefs(bytes)) return yield* namedDigests(bytes.toString("latin1"));
  for (const { type, digest } of referencedBlobs(bytes, path))
    if (digest !== undefined) yield { digest, isData: type !== "config" && type !== "other", isListed: true };
  // What an image of PuzzleFS never has, but may have of another tool: an index with such media types in it, an image with a subject.
  const text = bytes.toString("latin1");
  if (!MORE.test(text)) return;
  const { manifests, subject } = pick(text, wholeValue(text), "manifests", "subject");
  for (const span of [manifests, subject])
    if (span !== undefined) yield* namedDigests(text.slice(span.start, span.end));
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
