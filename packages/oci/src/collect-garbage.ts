import { constants } from "node:fs";
import { close, type Directory, FileStatus, fsync, hasCode } from "@puzzlefs/linux";
import { LayoutError } from "./errors.ts";
import { digestHex } from "./digests.ts";
import { openRegular } from "./files.ts";
import { addCount, type Count, emptyReport, type GarbageReport } from "./garbage-report.ts";
import { takeFile } from "./file-use.ts";
import type { Layout } from "./image-layout.ts";
import { dropOrphanSignatures, entriesInUse } from "./image-signatures.ts";
import type { IndexEntry } from "./index-json.ts";
import { fetchedChunks, forgetLazy, lazyChunks, lazyImages, lazyState } from "./lazy-images.ts";
import { BLOBS, INDEX_FILE, SHA256 } from "./layout-maker.ts";
import { blobsOfDocument, mountableOf } from "./mountable.ts";
import { Closure, isDocument } from "./reachable.ts";
import { findSetAside, isWaitedFor, makeSetAside, removeSetAside, type SetAside, sizeOfSetAside } from "./set-aside.ts";
import { findDead, liveWriters, removeStaging, stagedBytes } from "./staging.ts";
import { runSteps, runStepsAsync, type Turns } from "./steps.ts";

export interface GarbageOptions {
  /** Blobs that were changed in the last seconds stay; 0: none do. For tools that write without our locks. */
  grace: number;
  /** Removes nothing. */
  dryRun?: boolean;
  /** Removes no others than these, hex. */
  only?: ReadonlySet<string>;
  /** Of the chunks that were fetched for lazy images and that nothing else needs, so many bytes stay, those that were fetched last. Undefined: all. */
  keepFetched?: number;
  /** Manifests, metadata and place tables (hex) that are in use without a lock on them: by mounts of the kernel driver. */
  mounted?: () => Iterable<string>;
  /** Called as blobs are removed. */
  progress?: (doneBytes: number, totalBytes: number) => void;
}

const status = new FileStatus();
/** Manifests whose locks are held at a time. */
const BATCH = 64;

/**
 * Removes the blobs that no entry of index.json needs, no image in use, and no build at work. It holds the layout's lock meanwhile. Killed at
 * any moment it leaves every image whole. Throws LayoutError: refused for a layout whose blobs may be shared with others, and
 * where an entry cannot be followed, so that it is not known what it needs.
 */
export function collectGarbage(layout: Layout, options: GarbageOptions): GarbageReport {
  refuseShared(layout);
  const needed = reachBefore(layout);
  using _ = runSteps(layout.lock());
  return new Collection(layout, options, needed).run();
}

/** The same, but waits for the lock in the event loop. An error of `turns` ends the wait. */
export async function collectGarbageAsync(
  layout: Layout,
  options: GarbageOptions,
  turns: Turns,
): Promise<GarbageReport> {
  refuseShared(layout);
  const needed = reachBefore(layout);
  using _ = await runStepsAsync(layout.lock(), turns);
  return new Collection(layout, options, needed).run();
}

/** What the entries need now. Most of the work is done before the lock, for which builds wait. An error occurs again under the lock. */
function reachBefore(layout: Layout): Closure {
  const closure = new Closure(layout.blobs);
  try {
    for (const entry of entriesInUse(layout)) closure.addEntry(entry, layout.path);
    return closure;
  } catch (error) {
    if (!(error instanceof LayoutError)) throw error;
    return new Closure(layout.blobs);
  }
}

/** Other layouts whose `blobs` lead to the same directory are not known. */
function refuseShared({ directory, blobs, path }: Layout): void {
  using parent = directory.linkedDirectory(BLOBS);
  const isLink = (at: Directory, name: string): boolean => at.status(name, status) && status.type === constants.S_IFLNK;
  if (!isLink(directory, BLOBS) && !isLink(parent, SHA256)) return;
  const why = "its blobs are in a store that other layouts may share, and their images would lose theirs";
  throw new LayoutError("refused", blobs.path, `${why}: ${path} is not cleaned up`);
}

interface Candidate extends Count {
  digest: string;
  young: boolean;
  mtime: number;
}

class Collection {
  readonly #layout: Layout;
  readonly #options: GarbageOptions;
  readonly #report: GarbageReport;
  /** Blobs that stay, and the part of the report in which they are counted. */
  readonly #kept = new Map<string, Count>();
  /** What entries need, or have needed just before. */
  readonly #needed: Closure;
  /** Manifests of lazy images. */
  readonly #lazy: Set<string>;
  /** What images without an entry need, and new ones. */
  readonly #elsewhere = new Set<string>();
  #candidates: Candidate[] = [];
  /** Builds at work of this user. */
  #writers: string[] = [];
  #aside: SetAside | undefined;
  #doneBytes = 0;
  #totalBytes = 0;

  constructor(layout: Layout, options: GarbageOptions, needed: Closure) {
    this.#needed = needed;
    this.#layout = layout;
    this.#lazy = new Set(lazyImages(layout));
    this.#options = options;
    this.#report = emptyReport(options.dryRun === true);
  }

  run(): GarbageReport {
    this.#markEntries();
    this.#sweepTemporaries();
    this.#sweepSetAside();
    this.#listCandidates();
    this.#markYoung();
    const evictable = this.#options.keepFetched === undefined ? undefined : this.#evictable();
    if (!this.#report.dryRun) this.#makeIndexDurable();
    try {
      this.#sweepManifests();
      if (evictable !== undefined) this.#evict(evictable);
      for (const candidate of this.#candidates)
        if (candidate.blobs > 0 && !this.#kept.has(candidate.digest)) this.#remove(candidate);
      this.#sweepLazy();
    } finally {
      this.#aside?.directory.close();
    }
    this.#count();
    return this.#report;
  }

  #markEntries(): void {
    const path = this.#layout.directory.pathOf(INDEX_FILE);
    this.#following("an image", () => this.#needed.refresh());
    if (!this.#report.dryRun) dropOrphanSignatures(this.#layout);
    for (const entry of entriesInUse(this.#layout)) {
      this.#report.entries++;
      this.#following(nameOf(entry), () => this.#needed.addEntry(entry, path));
    }
    this.#keep(this.#needed.digests, this.#report.needed);
  }

  #following(name: string, follow: () => void): void {
    try {
      follow();
    } catch (error) {
      if (!(error instanceof LayoutError)) throw error;
      const advice = `what ${name} needs is not known (${error.message}); repair it, or untag it`;
      throw new LayoutError("refused", this.#layout.path, `nothing is removed: ${advice}`, error);
    }
  }

  #keep(digests: Iterable<string>, reason: Count): void {
    for (const digest of digests) {
      if (reason !== this.#report.needed) this.#elsewhere.add(digest);
      if (this.#kept.has(digest)) continue;
      this.#kept.set(digest, reason);
      if (this.#lazy.has(digest)) this.#keepLazy(digest, reason);
    }
  }

  /** What a lazy image has of its missing packs. */
  #keepLazy(manifest: string, reason: Count): void {
    this.#following(`the lazy image sha256:${manifest}`, () => {
      for (const { digest, present } of lazyChunks(this.#layout, manifest))
        if (present && !this.#kept.has(digest)) this.#kept.set(digest, reason);
    });
  }

  /** Chunks that were fetched for lazy images, without what other entries need. One that has all of its chunks is an ordinary image. */
  #evictable(): Set<string> {
    const { directory, blobs } = this.#layout;
    const isPartial = (manifest: string): boolean =>
      blobs.has(manifest) && lazyState(this.#layout, manifest)?.isWhole === false;
    const partial = new Set([...this.#lazy].filter(isPartial));
    const others = new Closure(blobs);
    for (const entry of entriesInUse(this.#layout))
      if (!partial.has(digestHex(entry.digest ?? "") ?? ""))
        this.#following(nameOf(entry), () => others.addEntry(entry, directory.pathOf(INDEX_FILE)));
    const evictable = new Set<string>();
    for (const manifest of partial)
      for (const digest of fetchedChunks(this.#layout, manifest))
        if (!others.digests.has(digest)) evictable.add(digest);
    return evictable;
  }

  /** Removes those that were fetched first. A reader that needs one fetches it again; an open one stays readable. */
  #evict(evictable: ReadonlySet<string>): void {
    const { keepFetched = Infinity } = this.#options;
    const fetched = this.#candidates
      .filter(({ digest }) => evictable.has(digest) && !this.#elsewhere.has(digest))
      .toSorted((one, other) => one.mtime - other.mtime);
    let left = fetched.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const candidate of fetched) {
      if (left <= keepFetched) return;
      left -= candidate.bytes;
      this.#kept.delete(candidate.digest);
      this.#remove(candidate, this.#report.evicted);
    }
  }

  /** Removes the records of lazy images that are gone. */
  #sweepLazy(): void {
    if (this.#report.dryRun) return;
    for (const manifest of this.#lazy) if (!this.#layout.blobs.has(manifest)) forgetLazy(this.#layout, manifest);
  }

  #sweepTemporaries(): void {
    const { directory } = this.#layout;
    const { temporaries, dryRun } = this.#report;
    for (const dead of findDead(directory, dryRun)) {
      temporaries.directories++;
      temporaries.bytes += stagedBytes(dead);
      if (!dryRun) removeStaging(directory, dead);
      else {
        close(dead.lock);
        dead.directory.close();
      }
    }
    const { own, others } = liveWriters(directory);
    this.#writers = own;
    this.#report.writers = own.length + others.length;
  }

  /** Removes what earlier runs have set aside for writers that have ended. */
  #sweepSetAside(): void {
    const { directory } = this.#layout;
    for (const aside of findSetAside(directory)) {
      const isKept = isWaitedFor(aside, this.#writers);
      addCount(isKept ? this.#report.pending : this.#report.freed, sizeOfSetAside(aside));
      if (!isKept && !this.#report.dryRun) removeSetAside(directory, aside);
    }
  }

  #listCandidates(): void {
    const { blobs } = this.#layout;
    const { grace } = this.#options;
    const now = Date.now() / 1000;
    for (const digest of blobs.list()) {
      // Only files: no tool makes others of such a name.
      if (!blobs.directory.status(digest, status) || status.type !== constants.S_IFREG) continue;
      const { size: bytes, changedSeconds, mtimeSeconds } = status;
      const young = grace > 0 && now - Math.max(changedSeconds, mtimeSeconds) < grace;
      this.#candidates.push({ digest, blobs: 1, bytes, young, mtime: mtimeSeconds });
    }
    const unmarked = this.#candidates.filter(({ digest }) => !this.#kept.has(digest));
    this.#totalBytes = unmarked.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** A young document may be an image that another tool is writing, a young place table be mounted: what they need stays with them. */
  #markYoung(): void {
    const { blobs } = this.#layout;
    for (const { digest, young } of this.#candidates) {
      if (!young || this.#kept.has(digest)) continue;
      this.#keep([digest], this.#report.young);
      const needs = isDocument(blobs, digest) ? blobsOfDocument(blobs, digest) : mountableOf(blobs, digest)?.needs();
      this.#keep(needs ?? [], this.#report.young);
    }
  }

  /**
   * Removes the manifests and place tables that are not in use, before any other blob: from then on no reader begins to use these images. What
   * an image in use needs is marked.
   */
  #sweepManifests(): void {
    const { blobs } = this.#layout;
    const images = this.#candidates.flatMap((candidate) => {
      const image = this.#kept.has(candidate.digest) ? undefined : mountableOf(blobs, candidate.digest);
      return image === undefined ? [] : [{ candidate, image }];
    });
    for (let at = 0; at < images.length; at += BATCH) {
      using taken = new DisposableStack();
      const free: typeof images = [];
      for (const one of images.slice(at, at + BATCH)) {
        const lock = takeFile(blobs.directory, one.candidate.digest);
        if (lock === undefined) this.#keep(one.image.needs(), this.#report.inUse);
        else {
          taken.use(lock);
          free.push(one);
        }
      }
      // The command that mounts has the lock until the mount is in the lists.
      const mounted = new Set(this.#options.mounted?.());
      for (const { candidate, image } of free) {
        // The image may be mounted by the digest of its metadata.
        const needs = mounted.size === 0 ? [] : [...image.needs()];
        if ([...image.names, ...needs].some((digest) => mounted.has(digest))) this.#keep(needs, this.#report.inUse);
        else this.#remove(candidate);
      }
    }
    this.#candidates = this.#candidates.filter(({ blobs: count }) => count > 0);
  }

  /** Removes a blob, or sets it aside for the builds at work. */
  #remove(candidate: Candidate, removed = this.#report.freed): void {
    if (this.#options.only?.has(candidate.digest) === false) return;
    const { blobs, directory } = this.#layout;
    const { dryRun, pending, writers } = this.#report;
    addCount(writers > 0 ? pending : removed, candidate);
    // It is counted.
    candidate.blobs = 0;
    this.#doneBytes += candidate.bytes;
    this.#options.progress?.(this.#doneBytes, this.#totalBytes);
    // Other users' builds could not take it back from our directory.
    if (dryRun || writers > this.#writers.length) return;
    if (writers === 0) return void blobs.remove(candidate.digest);
    this.#aside ??= makeSetAside(directory, this.#writers);
    try {
      blobs.directory.rename(candidate.digest, this.#aside.directory, candidate.digest);
    } catch (error) {
      // Another tool has removed it.
      if (!hasCode(error, "ENOENT")) throw error;
    }
  }

  /** Another tool may have replaced it: after a power cut the older one must not come back, whose blobs are gone. */
  #makeIndexDurable(): void {
    const { directory } = this.#layout;
    const file = openRegular(directory, INDEX_FILE);
    if (file === undefined) return;
    try {
      fsync(file);
    } finally {
      close(file);
    }
    directory.sync();
  }

  #count(): void {
    for (const candidate of this.#candidates) {
      const reason = this.#kept.get(candidate.digest);
      if (reason !== undefined) addCount(reason, candidate);
    }
  }
}

function nameOf({ tag, digest = "an entry without a digest" }: IndexEntry): string {
  return tag === undefined ? digest : JSON.stringify(tag);
}
