import { createHash } from "node:crypto";
import { MAX_MANIFEST_BYTES } from "@puzzlefs/format";
import { close, type Directory, isSystemError, reasonOf } from "@puzzlefs/linux";
import type { BlobDirectory } from "./blob-directory.ts";
import type { StoredBlob } from "./blob-store.ts";
import type { StagedBlob } from "./commit-request.ts";
import type { Count } from "./garbage-report.ts";
import { digestHex } from "./digests.ts";
import { LayoutError } from "./errors.ts";
import { FILE_MODE, writeAll } from "./files.ts";
import type { Layout } from "./image-layout.ts";
import { type Reference, referencesIn, startsDocument } from "./reachable.ts";
import { Transaction } from "./transaction.ts";

export interface RepairOptions {
  /** The layout that has the blobs. */
  from: Layout;
  /** Called as blobs are read; what it throws ends the work, and nothing is changed then. */
  progress?: (doneBytes: number, totalBytes: number) => void;
}

export interface RepairReport {
  /** Blobs that were there and intact. */
  intact: Count;
  /** Blobs that were missing or damaged and were copied. */
  repaired: Count;
  /** Digests (hex) of the others, and why they could not be copied. */
  lost: { digest: string; reason: string }[];
}

const pieceSize = 1 << 20;

/**
 * Copies blobs that are missing or damaged from another layout: those that entries of index.json need, and damaged ones that
 * none needs. A copy has the digest, or it is not used. All copies appear at once and durably. Throws LayoutError where a layout cannot be opened.
 */
export function repair(layout: Layout, options: RepairOptions): RepairReport {
  const transaction = Transaction.begin(layout);
  try {
    const work = new Repair(layout, options, transaction.directory);
    work.checkAll();
    if (work.staged.length > 0) transaction.commitBlobs(work.staged);
    return work.report;
  } finally {
    transaction.abort();
  }
}

class Repair {
  readonly report: RepairReport = { intact: { blobs: 0, bytes: 0 }, repaired: { blobs: 0, bytes: 0 }, lost: [] };
  readonly staged: StagedBlob[] = [];
  readonly #blobs: BlobDirectory;
  readonly #source: BlobDirectory;
  readonly #directory: Directory;
  readonly #options: RepairOptions;
  readonly #index: Layout;
  readonly #buffer = Buffer.allocUnsafeSlow(pieceSize);
  #doneBytes = 0;
  #totalBytes = 0;

  constructor(layout: Layout, options: RepairOptions, directory: Directory) {
    this.#index = layout;
    this.#blobs = layout.blobs;
    this.#source = options.from.blobs;
    this.#options = options;
    this.#directory = directory;
  }

  /** Documents are followed, repaired ones too, because what a lost manifest needs is known only when it is there again. */
  checkAll(): void {
    const present = this.#blobs.list();
    this.#totalBytes = present.reduce((sum, digest) => sum + (this.#blobs.size(digest) ?? 0), 0);
    /** Whether a digest is that of a blob for certain. */
    const wanted = new Map<string, boolean>();
    const pending: { digest: string; isData: boolean }[] = [];
    const want = (digest: string, isData: boolean, isListed: boolean): void => {
      const known = wanted.get(digest);
      wanted.set(digest, known === true || isListed);
      if (known === undefined) pending.push({ digest, isData });
    };
    for (const { digest = "" } of this.#index.index().entries()) {
      const hex = digestHex(digest);
      if (hex !== undefined) want(hex, false, true);
    }
    const lost = new Map<string, string>();
    const check = (): void => {
      for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
        const { digest, isData } = next;
        const { document, reason } = this.#check(digest, isData);
        if (reason !== undefined) lost.set(digest, reason);
        if (document !== undefined)
          for (const found of this.#referencesIn(document, digest)) want(found.digest, found.isData, found.isListed);
      }
    };
    check();
    for (const digest of present) want(digest, true, true);
    check();
    for (const [digest, reason] of lost) if (wanted.get(digest) === true) this.report.lost.push({ digest, reason });
  }

  /** Checks a blob, and stages a copy where that is necessary. Returns the whole blob if it is a document, or why it is lost. */
  #check(digest: string, isData: boolean): { document?: Buffer; reason?: string } {
    const own = this.#hash(this.#blobs, digest, isData);
    if (own.isIntact) {
      count(this.report.intact, own.bytes);
      return own;
    }
    const name = `repair-${this.staged.length}`;
    const target = this.#directory.createFile(name, FILE_MODE);
    let copy: Hashed;
    try {
      copy = this.#hash(this.#source, digest, isData, target);
    } finally {
      close(target);
    }
    if (copy.isIntact) {
      this.staged.push({ temporary: name, digest, replaces: this.#blobs.has(digest) });
      count(this.report.repaired, copy.bytes);
      return copy;
    }
    this.#directory.removeFile(name);
    return { reason: `${own.problem} here, ${copy.problem} there` };
  }

  /** Reads a blob, and writes it to the file `target` if there is one. */
  #hash(blobs: BlobDirectory, digest: string, isData: boolean, target?: number): Hashed {
    let blob: StoredBlob;
    try {
      blob = blobs.open(digest);
    } catch (error) {
      return unread(error);
    }
    const hash = createHash("sha256");
    const document: Buffer[] = [];
    let mayBeDocument = !isData && blob.size <= MAX_MANIFEST_BYTES;
    let bytes = 0;
    try {
      for (;;) {
        let length: number;
        try {
          length = blob.read(this.#buffer, 0, bytes);
        } catch (error) {
          return unread(error);
        }
        if (length === 0) break;
        const piece = this.#buffer.subarray(0, length);
        if (bytes === 0) mayBeDocument &&= startsDocument(piece);
        hash.update(piece);
        if (target !== undefined) writeAll(target, piece);
        if (mayBeDocument) document.push(Buffer.from(piece));
        bytes += length;
        this.#report(target === undefined ? length : 0);
      }
    } finally {
      blob.close();
    }
    if (hash.digest("hex") !== digest) return { isIntact: false, bytes, problem: "damaged" };
    return { isIntact: true, bytes, ...(mayBeDocument && { document: Buffer.concat(document) }) };
  }

  #report(bytes: number): void {
    this.#doneBytes += bytes;
    this.#options.progress?.(this.#doneBytes, Math.max(this.#totalBytes, this.#doneBytes));
  }

  /** Nothing for a manifest that breaks a rule: verify reports it, and no copy would be better. */
  #referencesIn(document: Buffer, digest: string): Reference[] {
    try {
      return [...referencesIn(document, digest)];
    } catch (error) {
      if (!(error instanceof LayoutError)) throw error;
      return [];
    }
  }
}

/** A blob that was read. */
interface Hashed {
  isIntact: boolean;
  bytes: number;
  document?: Buffer;
  /** Why it is not intact. */
  problem?: string;
}

/** The result for a blob that cannot be opened or read. */
function unread(error: unknown): Hashed {
  const isMissing = error instanceof LayoutError && error.kind === "missing";
  if (!isMissing && !(error instanceof LayoutError) && !isSystemError(error)) throw error;
  return { isIntact: false, bytes: 0, problem: isMissing ? "missing" : `unreadable: ${reasonOf(error)}` };
}

function count(sum: Count, bytes: number): void {
  sum.blobs++;
  sum.bytes += bytes;
}
