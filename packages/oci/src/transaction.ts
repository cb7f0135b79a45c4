import type { ManifestBlob } from "@puzzlefs/format";
import { isSystemError, type Directory } from "@puzzlefs/linux";
import type { CommitRequest, CommitResult, StagedBlob } from "./commit-request.ts";
import { digestHex, sha256Hex } from "./digests.ts";
import { LayoutError } from "./errors.ts";
import { writeNew } from "./files.ts";
import { baseAnnotations } from "./index-json.ts";
import { recoverBlob } from "./set-aside.ts";
import type { Layout } from "./image-layout.ts";
import { runSteps, runStepsAsync, type Steps, type Turns } from "./steps.ts";
import { EMPTY_CONFIG, MANIFEST_TYPE, referencedBlobs } from "./manifest.ts";
import { createStaging, findDead, inherit, isMoved, isStaged, removeStaging, type Staging } from "./staging.ts";
import { hostPlatform } from "./platform.ts";
import { checkTag } from "./tag.ts";
import { fsVerityDigest } from "./verity-digest.ts";

/** Blobs that are looked up one by one, because a listing of the layout takes longer. */
const FEW = 64;
/** Readings of a blob that runs of gc set aside at the same time. */
const MOST_TRIES = 10;

/** Blobs that a commit has moved into the layout. */
interface Placed {
  newBlobs: number;
  newBytes: number;
  sizes: Map<string, number>;
  /** Digests of the blobs that the layout did not have, not even damaged. */
  added: string[];
}

/**
 * Writes one image into a layout, all or nothing: begin(), blobs as files in `directory` (by any thread), then commit() or abort().
 *
 * After a kill or a power cut at any moment, the layout opens and every tag names a whole image: blobs are renamed
 * to their names only when their bytes are on disk, and index.json is replaced only when the names are.
 *
 * A blob that is found in the layout after begin() may be relied on: readBlob() reads it and it is there at the commit, even if gc runs meanwhile (set-aside.ts).
 */
export class Transaction {
  readonly #layout: Layout;
  readonly #staging: Staging;
  #next = 0;
  #open = true;

  private constructor(layout: Layout, staging: Staging) {
    this.#layout = layout;
    this.#staging = staging;
  }

  /** Starts to write an image. Sweeps the temporaries of writers that died. */
  static begin(layout: Layout): Transaction {
    return runSteps(Transaction.#begin(layout));
  }

  /** begin(), but returns to the event loop while another process holds the lock. */
  static beginAsync(layout: Layout, turns: Turns): Promise<Transaction> {
    return runStepsAsync(Transaction.#begin(layout), turns);
  }

  /** beginAsync() without the sweep, which inherit() does. */
  static beginUnsweptAsync(layout: Layout, turns: Turns): Promise<Transaction> {
    return runStepsAsync(Transaction.#begin(layout, false), turns);
  }

  static *#begin(layout: Layout, sweeps = true): Steps<Transaction> {
    const { directory } = layout;
    let dead: Staging[];
    let staging: Staging;
    {
      using _ = yield* layout.lock();
      dead = sweeps ? findDead(directory) : [];
      staging = createStaging(directory);
    }
    for (const left of dead) removeStaging(directory, left);
    return new Transaction(layout, staging);
  }

  /**
   * Takes files of writers that died into `directory`, and sweeps the others. Their bytes may be anything: a power cut may have lost them. Returns their names
   * there; originalName() is what those writers named them.
   */
  inheritAsync(turns: Turns, isWanted: (name: string) => boolean = () => false): Promise<string[]> {
    return runStepsAsync(this.#inherit(isWanted), turns);
  }

  *#inherit(isWanted: (name: string) => boolean): Steps<string[]> {
    const { directory } = this.#layout;
    let dead: Staging[];
    {
      using _ = yield* this.#layout.lock();
      dead = findDead(directory);
    }
    return dead.flatMap((left) => {
      const names = inherit(left.directory, this.directory, isWanted);
      removeStaging(directory, left);
      return names;
    });
  }

  /** Where blobs are written, on the file system of the layout. Keep it flat: files only. Closed by commit() and abort(). */
  get directory(): Directory {
    return this.#staging.directory;
  }

  /** Writes a blob that is in memory. If the layout has it already, that one is read and compared. */
  writeBlob(bytes: Uint8Array): StagedBlob {
    const temporary = `memory-${this.#next++}`;
    writeNew(this.directory, temporary, bytes);
    const digest = sha256Hex(bytes);
    const { blobs } = this.#layout;
    return { temporary, digest, replaces: blobs.size(digest) === bytes.length && !blobs.holds(digest, bytes) };
  }

  /** Whether the layout has a blob. One that gc has set aside meanwhile is moved back. */
  has(digest: string): boolean {
    return this.#sizeOfBlob(digest) !== undefined;
  }

  /** A whole blob of the layout of at most `limit` bytes, also one that gc sets aside. Throws LayoutError (missing, corrupt). */
  readBlob(digest: string, limit: number): Buffer {
    for (let tries = MOST_TRIES; ; tries--) {
      try {
        return this.#layout.blobs.read(digest, limit);
      } catch (error) {
        const isMissing = error instanceof LayoutError && error.kind === "missing";
        if (!isMissing || tries === 1 || !this.has(digest)) throw error;
      }
    }
  }

  /**
   * Makes `tag` name this image on its platform, durably, and ends the transaction. Commits of other processes wait
   * meanwhile. The tag's previous image for that platform is replaced. Throws LayoutError (refused) for a bad tag or a manifest that needs a blob which is
   * neither here nor in the layout; nothing has changed then but for unreferenced blobs, and abort() is still due.
   */
  commit(request: CommitRequest): CommitResult {
    return runSteps(this.#commit(request));
  }

  /** commit(), but returns to the event loop between steps. If `turns` throws, the commit fails, unless its blobs are being placed. */
  commitAsync(request: CommitRequest, turns: Turns): Promise<CommitResult> {
    return runStepsAsync(this.#commit(request), turns);
  }

  *#commit({
    tag,
    manifest,
    blobs,
    platform = hostPlatform(),
    replaces,
    base,
    isLazy = false,
    records = [],
  }: CommitRequest): Steps<CommitResult> {
    if (!this.#open) throw new Error("the transaction has ended");
    const layout = this.#layout;
    checkTag(tag, layout.path);
    const listed = referencedBlobs(manifest, `manifest of ${tag}`);
    const needed = isLazy ? listed.filter(({ type }) => !isFetchedLater(type)) : listed;
    const own = this.writeBlob(manifest);
    const staged = [...blobs, own];
    const config = needed.find(({ type }) => type === "config");
    if (config?.digest === digestHex(EMPTY_CONFIG.digest)) staged.push(this.writeBlob(Buffer.from("{}")));
    const descriptor = {
      mediaType: MANIFEST_TYPE,
      digest: `sha256:${own.digest}`,
      size: manifest.length,
      platform,
      ...(base !== undefined && { annotations: baseAnnotations(base) }),
    };

    // Dropped before they are written to the disk. If gc sets one aside meanwhile, the check under the lock takes it back.
    const fresh = yield* this.#dropKnown(staged);
    yield { syncfs: this.#staging.lock };
    let lost: string[];
    const placed: Placed = { newBlobs: 0, newBytes: 0, sizes: new Map(), added: [] };
    {
      using _ = yield* layout.lock();
      try {
        yield* this.#place(fresh, placed);
        this.#checkPresent(needed, placed.sizes, tag);
        yield { syncfs: this.#staging.lock, mustEnd: true };
        const index = layout.index();
        const changed =
          replaces === undefined ? index.withTag(tag, descriptor) : index.withTarget(tag, replaces, descriptor);
        if (changed === undefined)
          throw new LayoutError(
            "refused",
            layout.path,
            `${tag} names another image by now: it has been changed meanwhile`,
          );
        layout.replaceIndex(changed, this.directory);
        lost = records.filter((name) => !isMoved(this.directory, name, layout.directory));
      } catch (error) {
        this.#takeBack(placed, own.digest);
        throw error;
      }
    }
    this.abort();
    const { newBlobs, newBytes } = placed;
    return { digest: own.digest, verity: fsVerityDigest(manifest).toString("hex"), newBlobs, newBytes, lost };
  }

  /** Adds blobs without an image, durably, or replaces damaged ones, and ends the transaction. */
  commitBlobs(blobs: Iterable<StagedBlob>): void {
    runSteps(this.#commitBlobs([...blobs]));
  }

  /** commitBlobs(), but returns to the event loop between steps. */
  commitBlobsAsync(blobs: Iterable<StagedBlob>, turns: Turns): Promise<void> {
    return runStepsAsync(this.#commitBlobs([...blobs]), turns);
  }

  *#commitBlobs(blobs: StagedBlob[]): Steps<void> {
    if (!this.#open) throw new Error("the transaction has ended");
    yield { syncfs: this.#staging.lock };
    {
      using _ = yield* this.#layout.lock();
      yield* this.#place(blobs, { newBlobs: 0, newBytes: 0, sizes: new Map(), added: [] });
      yield { syncfs: this.#staging.lock, mustEnd: true };
    }
    this.abort();
  }

  /** Removes what is left of the transaction. Does nothing after a commit, or the second time. */
  abort(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#layout.releaseReserve();
    removeStaging(this.#layout.directory, this.#staging);
  }

  /**
   * Moves blobs to their names. One that exists is not replaced: it may have fs-verity enabled, and be mapped by running
   * programs. Only a damaged file is replaced, as a crash of a less careful tool leaves it.
   */
  *#place(staged: StagedBlob[], placed: Placed): Steps<void> {
    const { blobs } = this.#layout;
    // Again: another commit may have added some of them since.
    for (const { temporary, digest } of yield* this.#dropKnown(staged)) {
      const size = this.#sizeOf(temporary);
      const added = blobs.size(digest) === undefined;
      this.directory.rename(temporary, blobs.directory, digest);
      placed.newBlobs++;
      placed.newBytes += size;
      placed.sizes.set(digest, size);
      if (added) placed.added.push(digest);
      yield { mustEnd: true };
    }
  }

  /**
   * Removes the blobs of a commit that fails, to free space on a full disk; not if there is another writer, which may have
   * found them in the layout and not stored its own. The caller holds the lock.
   */
  #takeBack({ added }: Placed, manifest: string): void {
    const { blobs, directory } = this.#layout;
    this.#layout.releaseReserve();
    try {
      if (isStaged(directory, this.#staging.name)) return;
      // The index may have been replaced already.
      for (const { digest } of this.#layout.index().entries()) if (digest === `sha256:${manifest}`) return;
      for (const digest of added) blobs.remove(digest);
    } catch (error) {
      // The error of the commit is reported; unreferenced blobs do no harm.
      if (!isSystemError(error) && !(error instanceof LayoutError)) throw error;
    }
  }

  /** Removes the staged blobs that the layout has, and repetitions; returns the others. */
  *#dropKnown(staged: StagedBlob[]): Steps<StagedBlob[]> {
    // One listing instead of a stat for each of many: images have tens of thousands of blobs, and most of them are new at first.
    const { blobs } = this.#layout;
    const names = staged.length > FEW ? new Set(blobs.list()) : undefined;
    const seen = new Set<string>();
    const fresh: StagedBlob[] = [];
    for (const blob of staged) {
      const { temporary, digest, replaces = false } = blob;
      const repeated = seen.has(digest);
      seen.add(digest);
      const isKnown = !replaces && names?.has(digest) !== false && blobs.size(digest) === this.#sizeOf(temporary);
      if (repeated || isKnown) this.directory.removeFile(temporary);
      else fresh.push(blob);
      yield;
    }
    return fresh;
  }

  #sizeOf(temporary: string): number {
    const size = this.directory.fileSize(temporary);
    if (size === undefined) throw new LayoutError("absent", this.directory.pathOf(temporary), "no such blob");
    return size;
  }

  #sizeOfBlob(digest: string): number | undefined {
    const { blobs, directory } = this.#layout;
    return blobs.size(digest) ?? recoverBlob(directory, blobs.directory, digest);
  }

  #checkPresent(needed: readonly ManifestBlob[], placed: ReadonlyMap<string, number>, tag: string): void {
    for (const { digest, size } of needed) {
      const found = digest === undefined ? undefined : (placed.get(digest) ?? this.#sizeOfBlob(digest));
      if (found === undefined || found !== size) {
        const wanted = `${tag} needs sha256:${digest ?? "?"} of ${size ?? "?"} bytes`;
        throw new LayoutError("refused", this.#layout.path, `${wanted}, found ${found ?? "none"}`);
      }
    }
  }
}

/** Of a lazy image. */
function isFetchedLater(type: ManifestBlob["type"]): boolean {
  return type === "chunk" || type === "compressed-chunk" || type === "pack";
}
