import { createHash } from "node:crypto";
import { FsVerityHasher } from "@puzzlefs/oci";
import type { BlobStore } from "@puzzlefs/oci";
import { BlobCache, checkInside } from "./blob-cache.ts";
import { BlobFile } from "./blob-file.ts";
import type { Blob } from "./blob.ts";
import { holeKey } from "./content-map.ts";
import { IntegrityError } from "./errors.ts";
import type { BlobExpectation, Expectations } from "./verify-expectations.ts";
import { problemOf } from "./verify-problem.ts";
import type { VerifyProblem } from "./verify-problem.ts";

const pieceSize = 1 << 20;

/** Checks blobs one by one against what images expect of them. */
export class BlobVerifier {
  /** Raw blobs whose recorded fs-verity digest is wrong as the Rust tool writes it, where a chunk does not compress. */
  readonly wrongVerities: string[] = [];
  readonly #store: BlobStore;
  readonly #expectations: Expectations;
  readonly #blobs: BlobCache;
  readonly #buffer = Buffer.allocUnsafeSlow(pieceSize);

  constructor(store: BlobStore, expectations: Expectations) {
    this.#store = store;
    this.#expectations = expectations;
    this.#blobs = new BlobCache(store, { openBlobs: 2, frameBytes: 0 });
  }

  /** @param digest hex @returns what is wrong with the blob @throws only errors that are not about the blob */
  verify(digest: string): VerifyProblem[] {
    const problems: VerifyProblem[] = [];
    const name = `blob sha256:${digest}`;
    const expected = this.#expectations.of(digest);
    const check = (action: () => void): boolean => {
      try {
        action();
        return true;
      } catch (error) {
        problems.push(problemOf(error, name));
        return false;
      }
    };
    // A blob that does not match its digest is not parsed.
    if (!check(() => this.#verifyStored(digest, name, expected, problems))) return problems;
    for (const [key, { end, inode }] of expected.reaches) {
      check(() => {
        const blob = this.#blobs.open(key);
        checkInside(blob, end, inode);
        // A GiB of zeros, byte for byte: that follows from the digest.
        if (key.startsWith("z") && key !== holeKey) this.#readAll(blob);
      });
    }
    return problems;
  }

  close(): void {
    this.#blobs.close();
  }

  #verifyStored(digest: string, name: string, expected: BlobExpectation, problems: VerifyProblem[]): void {
    const file = new BlobFile(this.#store, digest, name);
    try {
      checkSize(file, expected.mostBytes);
      const verity = this.#hash(file, digest, expected.verities.size > 0);
      const isRaw = [...expected.reaches.keys()].every((key) => key.startsWith("r"));
      for (const recorded of expected.verities) {
        if (recorded === verity) continue;
        if (isRaw && expected.listedCompressed) {
          this.wrongVerities.push(digest);
          continue;
        }
        const message = `${name} has fs-verity digest ${verity}, but ${recorded} is recorded`;
        problems.push({ severity: "error", object: name, rule: "", inode: 0, offset: 0, message });
      }
    } finally {
      file.close();
    }
  }

  /** Checks the sha256 of the stored bytes; returns their fs-verity digest, if wanted, in hex. */
  #hash(file: BlobFile, digest: string, wantsVerity: boolean): string | undefined {
    const hash = createHash("sha256");
    const verity = wantsVerity ? new FsVerityHasher() : undefined;
    for (let at = 0; at < file.size; at += pieceSize) {
      const piece = this.#buffer.subarray(0, Math.min(pieceSize, file.size - at));
      file.read(piece, at);
      hash.update(piece);
      verity?.update(piece);
    }
    if (hash.digest("hex") !== digest) throw new IntegrityError(file.name, "digest");
    return verity?.digest().toString("hex");
  }

  #readAll(blob: Blob): void {
    for (let at = 0; at < blob.length; at += pieceSize) {
      blob.read(at, this.#buffer.subarray(0, Math.min(pieceSize, blob.length - at)));
    }
  }
}

/** Stored bytes of a hole for each one on the disk. Compression by the file system yields less. */
const mostHole = 1000;

/** A sparse file of terabytes is made in an instant, and takes hours to hash. @throws {IntegrityError} more bytes than are justified */
function checkSize({ stored, name, size }: BlobFile, most: number | undefined): void {
  if (most !== undefined) {
    if (size > most) throw new IntegrityError(name, "size", `${size} bytes, at most ${most} are justified`);
    return;
  }
  if (size < unlistedBytes || size <= stored.allocated * mostHole) return;
  throw new IntegrityError(name, "size", `${size} bytes, nearly all of them a hole, and no manifest lists it`);
}

/** A blob that no manifest lists is hashed up to this size. */
const unlistedBytes = 1 << 30;
