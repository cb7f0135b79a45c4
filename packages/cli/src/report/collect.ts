import { FormatError } from "@puzzlefs/format";
import { escapeText, isSystemError, messageOf } from "@puzzlefs/linux";
import { mountedImages } from "@puzzlefs/mount";
import {
  collectGarbage,
  ImageBlobs,
  type IndexedImage,
  Layout,
  LayoutError,
  platformName,
  platformText,
} from "@puzzlefs/oci";
import { IntegrityError, openHeader, PackUse, readHeader, StoredContent } from "@puzzlefs/reader";
import { EXIT_CORRUPT, exitCodeOf } from "../errors.ts";
import { formatCount } from "../terminal/quantities.ts";
import { areasOf } from "./areas.ts";
import { ChunkClasses } from "./chunk-classes.ts";
import type { ReportedImage, StoreReport } from "./store-report.ts";

export interface CollectOptions {
  /** For how many of the last images of PuzzleFS the directories are counted. */
  directories: number;
  progress(doneBytes: number, totalBytes: number, images: number): void;
}

/** The most images that are compared with each other. */
const MOST_COMPARED = 24;
/** Tags in the name of an image, and characters of each. */
const MOST_TAGS = 3;
const MOST_TAG = 128;
const DIGITS = 12;

/**
 * Reads the metadata of every image of a layout, one after the other, and no content. What cannot be read is among the
 * problems. Throws LayoutError if the layout itself cannot be read.
 */
export function collect(layout: Layout, { directories, progress }: CollectOptions): StoreReport {
  const entries = layout.images();
  const groups = groupByManifest(entries);
  const blobs = new ImageBlobs(
    layout,
    groups.map(([{ hex }]) => hex),
  );
  const shares = blobs.shares();
  const growth = blobs.growth();
  const images = namesOf(groups).map((name, i) => describe(name, groups[i] as Group, shares[i], growth[i]));
  const positions = [...images.keys()];
  const compared = positions.filter((i) => images[i]?.stored !== null);
  const shown = compared.slice(-MOST_COMPARED);
  const chunks = new ChunkClasses();
  const packs = new PackUse();
  const report: StoreReport = {
    images,
    entries: entries.length,
    needed: growth.findLast((one) => one !== undefined)?.total ?? { blobs: 0, bytes: 0 },
    alone: sum(images.map(({ stored }) => stored?.bytes ?? 0)),
    sharing: { images: shown, bytes: blobs.sharedBytes(shown), omitted: compared.length - shown.length },
    chunks: chunks.list(),
    packs: [],
    garbage: null,
    garbageProblem: null,
    problems: [],
  };
  const ours = positions.filter((i) => images[i]?.kind === "puzzlefs");
  const detailed = new Set(directories === 0 ? [] : ours.slice(-directories));
  const total = sum(ours.map((i) => images[i]?.stored?.bytes ?? 0));
  let done = 0;
  for (const [i, image] of images.entries()) {
    const [{ hex, kind, error }] = groups[i] as Group;
    if (kind === "puzzlefs" && hex !== undefined) {
      recordFailure(report, image.name, () => readImage(layout, hex, image, detailed.has(i), chunks, packs));
      done += image.stored?.bytes ?? 0;
      progress(done, total, i + 1);
    } else if (kind !== "foreign")
      recordFailure(report, image.name, () => {
        throw error;
      });
    const missing = image.content?.missing ?? 0;
    if (missing > 0)
      addProblem(
        report,
        image.name,
        `${formatCount(missing)} of its chunks ${missing === 1 ? "is" : "are"} not in the layout`,
        false,
      );
  }
  report.chunks = chunks.list();
  report.packs = packs.list((digest) => layout.blobs.size(digest)).toSorted((a, b) => deadBytes(b) - deadBytes(a));
  for (const { digest, isMissing } of report.packs)
    if (isMissing) addProblem(report, `pack sha256:${digest}`, "not in the layout", false);
  collectUnneeded(layout, report);
  return report;
}

export function deadBytes({ bytes, needed }: { bytes: number; needed: number }): number {
  return bytes - needed;
}

/** The entries of index.json that lead to one manifest. */
type Group = [IndexedImage, ...IndexedImage[]];

function groupByManifest(entries: readonly IndexedImage[]): Group[] {
  const groups: Group[] = [];
  const known = new Map<string, Group>();
  for (const entry of entries) {
    const group = entry.hex === undefined ? undefined : known.get(entry.hex);
    if (group !== undefined) group.push(entry);
    else {
      const fresh: Group = [entry];
      groups.push(fresh);
      if (entry.hex !== undefined) known.set(entry.hex, fresh);
    }
  }
  return groups;
}

/** The tags of an image, with its platform where another image has the same ones; the digest of one that has no tag. */
function namesOf(groups: readonly Group[]): string[] {
  const names = groups.map((group) => {
    const all = tagsOf(group);
    const tags = all
      .slice(0, MOST_TAGS)
      .map((tag) => escapeText(tag.length > MOST_TAG ? `${tag.slice(0, MOST_TAG)}…` : tag));
    if (all.length > MOST_TAGS) tags.push(`${all.length - MOST_TAGS} more`);
    const [{ canonical, hex, digest }] = group;
    return tags.length > 0
      ? tags.join(", ")
      : `(${(canonical ?? hex ?? escapeText(digest ?? "no digest")).slice(0, DIGITS)})`;
  });
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return names.map((name, i) => {
    const [{ platform }] = groups[i] as Group;
    return counts.get(name) === 1 ? name : `${name} ${platformName(platform)}`;
  });
}

function tagsOf(group: Group): string[] {
  return [...new Set(group.flatMap(({ tag }) => tag ?? []))];
}

function describe(
  name: string,
  group: Group,
  share: ReturnType<ImageBlobs["shares"]>[number],
  growth: ReturnType<ImageBlobs["growth"]>[number],
): ReportedImage {
  const [{ kind, hex, canonical, description, platform }] = group;
  return {
    name,
    tags: tagsOf(group),
    digest: canonical ?? hex ?? null,
    packedManifest: canonical === undefined ? null : (hex ?? null),
    kind,
    description: description ?? null,
    platform: platform === undefined || platform === "unknown" ? null : platformText(platform),
    stored: share?.stored ?? null,
    frees: share?.frees ?? null,
    growth: growth ?? null,
    content: null,
    areas: null,
  };
}

function readImage(
  layout: Layout,
  manifest: string,
  image: ReportedImage,
  isDetailed: boolean,
  chunks: ChunkClasses,
  packs: PackUse,
): void {
  using used = layout.use(manifest);
  const header = readHeader(layout, used.digest);
  using tree = openHeader(header);
  packs.add(header);
  const stored = new StoredContent(tree, header.blobs);
  const content = { bytes: tree.contentBytes, stored: 0, chunks: 0, missing: 0 };
  for (const [digest, size] of stored.chunks()) {
    content.chunks++;
    if (size === undefined) content.missing++;
    else {
      content.stored += size;
      chunks.add(digest, size);
    }
  }
  image.content = content;
  if (isDetailed) image.areas = areasOf(stored.directories());
}

function collectUnneeded(layout: Layout, report: StoreReport): void {
  try {
    report.garbage = collectGarbage(layout, { grace: 0, dryRun: true, mounted: mountedImages });
  } catch (error) {
    if (!(error instanceof LayoutError) && !isSystemError(error)) throw error;
    report.garbageProblem = messageOf(error);
  }
}

function recordFailure(report: StoreReport, image: string, read: () => void): void {
  try {
    read();
  } catch (error) {
    const isExpected = error instanceof LayoutError || error instanceof FormatError || error instanceof IntegrityError;
    if (!isExpected && !isSystemError(error)) throw error;
    addProblem(report, image, messageOf(error), exitCodeOf(error) === EXIT_CORRUPT);
  }
}

function addProblem({ problems }: StoreReport, image: string, message: string, isCorrupt: boolean): void {
  problems.push({ image, message, isCorrupt });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
