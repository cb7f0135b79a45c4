import type { Metadata } from "@puzzlefs/format";
import { LayoutError, referencedBlobs } from "@puzzlefs/oci";
import type { BlobStore, Layout, PackedBlobs, PlatformChoice } from "@puzzlefs/oci";
import { LazyAbsences, type LazyReport } from "./verify-lazy.ts";
import { keyDigest } from "./blob-key.ts";
import type { BlobKey } from "./blob-key.ts";
import { ContentMap } from "./content-map.ts";
import { readHeader } from "./image.ts";
import type { ImageHeader } from "./image-header.ts";
import { visibleInodes } from "./image-tree.ts";
import { BlobVerifier } from "./verify-blob.ts";
import { expectPacked, PackedContents } from "./verify-packed.ts";
import { Expectations } from "./verify-expectations.ts";
import { problemOf } from "./verify-problem.ts";
import type { VerifyProblem } from "./verify-problem.ts";

export interface VerifyReport {
  /** Tags or digests of the images looked at. An image that has several names is looked at once. */
  images: string[];
  /** Entries of the layout that are not PuzzleFS images: only their blobs are checked. */
  foreign: ForeignEntry[];
  /** Blobs of the layout that were hashed, manifests, metadata and packs included. */
  blobs: number;
  /** Their bytes. */
  bytes: number;
  /** Chunks that were hashed in packs. */
  packedChunks: number;
  /** Images whose chunks are fetched when they are read: what they lack is no problem. */
  lazy: LazyReport[];
  problems: VerifyProblem[];
}

/** An entry of index.json from another tool; null: it has none. */
export interface ForeignEntry {
  tag: string | null;
  digest: string | null;
  mediaType: string | null;
}

export interface VerifyOptions extends PlatformChoice {
  /** Called as stored bytes are hashed. */
  progress?: (done: number, total: number) => void;
}

/**
 * Checks everything that can be checked: manifests and metadata by the rules of the format, every blob against its digest, its
 * recorded fs-verity digest, that compressed blobs decompress to what their seek tables record, and
 * that every run of every file is inside its blob.
 *
 * @param reference a tag or manifest digest; without it all images, tagged or not, and all blobs, those of other tools too
 * @returns problems, none of them an error when the images are sound
 * @throws only errors that are not about the images: no such layout or tag, an image of another tool, no descriptors
 */
export function verifyImage(layout: Layout, reference?: string, options: VerifyOptions = {}): VerifyReport {
  const report: VerifyReport = { images: [], foreign: [], blobs: 0, bytes: 0, packedChunks: 0, lazy: [], problems: [] };
  const absences = new LazyAbsences(layout);
  const expectations = new Expectations();
  const wrongSizes: WrongSizes[] = [];
  const { blobs } = layout;
  const packed: PackedContents[] = [];
  const wanted = reference === undefined ? sortEntries(layout, report) : new Map([[reference, [reference]]]);
  using use = new DisposableStack();
  for (const [image, names] of wanted) {
    report.images.push(...names);
    recordFailure(report, names[0] ?? image, () => {
      // One image stays whole meanwhile; for all of them there may be too few descriptors.
      const digest = reference === undefined ? image : use.use(layout.use(image, options)).digest;
      const header = readHeader(layout, digest, options);
      const lacks = absences.add(
        digest,
        names[0] ?? image,
        referencedBlobs(header.packed?.manifest ?? header.manifest, image),
      );
      if (lacks !== undefined) report.lazy.push(lacks);
      if (header.packed === undefined) return void wrongSizes.push(expectImage(header, expectations, report));
      expectPacked(header.packed, expectations);
      const contents = new PackedContents(header.blobs as PackedBlobs);
      packed.push(contents);
      wrongSizes.push(expectImage(header, contents.expectations, report));
    });
  }
  if (reference === undefined) for (const digest of blobs.list()) expectations.of(digest);
  const total =
    expectations.bytesIn(blobs) +
    packed.reduce((sum, { expectations: own, blobs: store }) => sum + own.bytesIn(store), 0);
  const wrongVerities: string[] = [];
  let hashed = 0;
  type Count = (digest: string, bytes: number) => void;
  const verifyAll = (store: BlobStore, digests: Iterable<string>, own: Expectations, count: Count): void => {
    const verifier = new BlobVerifier(store, own);
    for (const digest of digests) {
      if (absences.explains(digest)) continue;
      const problems = verifier.verify(digest);
      // A blob that no image needs may be removed meanwhile.
      if (problems.length > 0 && !own.isNeeded(digest) && !blobs.list().includes(digest)) continue;
      report.problems.push(...problems);
      const bytes = store.size(digest) ?? 0;
      count(digest, bytes);
      hashed += bytes;
      options.progress?.(hashed, total);
    }
    verifier.close();
    wrongVerities.push(...verifier.wrongVerities);
  };
  verifyAll(blobs, expectations.digests(), expectations, (_, bytes) => {
    report.blobs += 1;
    report.bytes += bytes;
  });
  const seen = new Set<string>();
  for (const contents of packed) {
    using store = contents.blobs;
    // What is in the bundle is not counted.
    verifyAll(store, contents.unseen(seen), contents.expectations, (digest) => {
      if (store.table.find(digest) !== undefined) report.packedChunks += 1;
    });
  }
  report.problems.push(...wrongSizeProblems(wrongSizes, report.problems));
  report.problems.push(...wrongVerityProblem([...new Set(wrongVerities)]));
  return report;
}

/** Blobs (hex) that have other sizes than a manifest lists. */
interface WrongSizes {
  manifest: string;
  blobs: string[];
}

/** Adds the requirements of one image on its blobs. */
function expectImage(header: ImageHeader, expectations: Expectations, report: VerifyReport): WrongSizes {
  const { metadata, manifest, manifestDigest, blobs } = header;
  const { image } = metadata;
  const name = `manifest sha256:${manifestDigest}`;
  expectations.listed(manifestDigest, manifest.length, false);
  const keys = expectContents(metadata, expectations);
  for (const { digest, verity } of image.fsVerityData) {
    expectations.of(hexOf(digest.toUint8Array())).verities.add(hexOf(verity.toUint8Array()));
  }
  const listed = new Set<string>();
  const wrong: string[] = [];
  for (const { type, digest: digits, size, verity } of referencedBlobs(manifest, name)) {
    if (digits === undefined) continue;
    listed.add(digits);
    expectations.listed(digits, size, type === "compressed-chunk");
    if (type === "rootfs" && verity !== undefined) expectations.of(digits).verities.add(verity);
    const stored = blobs.size(digits);
    if (stored !== undefined && stored !== size) wrong.push(digits);
  }
  const unlisted = new Set([...keys].map(keyDigest).filter((digest) => !listed.has(digest)));
  if (unlisted.size > 0) {
    const missing = unlisted.size === 1 ? "a blob" : `${unlisted.size} blobs`;
    report.problems.push(
      warningOf(name, `it does not list ${missing} that its files need: copies of the image lose data`),
    );
  }
  return { manifest: name, blobs: wrong };
}

/** Every run of every file; returns the blobs they are in. */
function expectContents(metadata: Metadata, expectations: Expectations): Set<BlobKey> {
  const keys = new Set<BlobKey>();
  for (const inode of visibleInodes(metadata)) {
    if (inode.mode.kind !== "file") continue;
    const content = new ContentMap(inode.mode.file);
    for (let run = 0; run < content.runs; run++) {
      const key = content.blob(run);
      keys.add(key);
      expectations.reaches(key, content.blobOffset(run) + content.end(run) - content.start(run), inode.ino);
    }
  }
  return keys;
}

/** The images of a layout, by digest, with their names; everything else of its index goes into the report. */
function sortEntries(layout: Layout, report: VerifyReport): Map<string, string[]> {
  const images = new Map<string, string[]>();
  for (const { kind, hex, tag, digest, mediaType, error } of layout.images()) {
    if (kind === "puzzlefs" && hex !== undefined) {
      const names = images.get(hex) ?? [];
      images.set(hex, tag === undefined || names.includes(tag) ? names : [...names, tag]);
    } else if (kind === "missing" && tag !== undefined) {
      // Its kind is unknown, but a tag whose manifest is missing is an error.
      report.problems.push(problemOf(error, `image ${tag}`));
    } else {
      report.foreign.push({ tag: tag ?? null, digest: digest ?? null, mediaType: mediaType ?? null });
    }
  }
  return new Map([...images].map(([hex, names]) => [hex, names.length > 0 ? names : [`sha256:${hex}`]]));
}

function warningOf(object: string, message: string): VerifyProblem {
  return { severity: "warning", object, rule: "", inode: 0, offset: 0, message };
}

/** A warning for each manifest. Blobs that are reported themselves are damaged: then the size that is listed may be right. */
function wrongSizeProblems(found: readonly WrongSizes[], problems: readonly VerifyProblem[]): VerifyProblem[] {
  const reported = new Set(problems.map(({ object }) => object));
  return found.flatMap(({ manifest, blobs }) => {
    const wrong = blobs.filter((digest) => !reported.has(`blob sha256:${digest}`));
    if (wrong.length === 0) return [];
    const which = wrong.length === 1 ? `blob sha256:${wrong[0]}` : `${wrong.length} blobs`;
    // The Rust tool lists the uncompressed sizes of compressed chunks.
    return [warningOf(manifest, `it lists a wrong size for ${which}: copying the image may fail`)];
  });
}

/** One warning for all: there may be hundreds. */
function wrongVerityProblem([first, ...others]: string[]): VerifyProblem[] {
  if (first === undefined) return [];
  const object = `blob sha256:${first}`;
  const which = others.length === 0 ? object : `${object} and ${others.length} others`;
  const message = `${which}: the recorded fs-verity digest is wrong, as the Rust tool writes it where chunks do not compress`;
  return [warningOf(object, message)];
}

function recordFailure(report: VerifyReport, image: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    // An unknown tag, or an image of another tool, is a mistake of the caller, not a problem of an image.
    if (error instanceof LayoutError && (error.kind === "absent" || error.kind === "foreign")) throw error;
    report.problems.push(problemOf(error, `image ${image}`));
  }
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}
