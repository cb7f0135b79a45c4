import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";

import { errorCode, isSystemError } from "@puzzlefs/linux";
import { LayoutError, type BlobStore, type StoredBlob } from "@puzzlefs/oci";
import type * as zstd from "zstd-napi/binding.js";

export type Compression = "none" | "gzip" | "zstd";

const PIECE_BYTES = 1 << 18;

/** The stored bytes of a layer, hashed as they are read. */
export class LayerBlob implements Disposable {
  readonly #blob: StoredBlob;
  readonly #path: string;
  readonly #digest: string;
  readonly #hash = createHash("sha256");
  readonly #size: number;
  /** The digest of the content, once all is read. */
  #found: string | undefined;
  /** Stored bytes read so far. */
  read = 0;

  /** Throws LayoutError: missing, or corrupt where it has another size than the manifest lists. */
  constructor(blobs: BlobStore, digest: string, size: number) {
    this.#path = blobs.pathOf(digest);
    this.#digest = digest;
    this.#blob = blobs.open(digest);
    this.#size = this.#blob.size;
    if (this.#size === size) return;
    this.close();
    throw new LayoutError("corrupt", this.#path, `it has ${this.#size} bytes, the manifest lists it with ${size}`);
  }

  /** The rest of it, in pieces that are not used again. */
  *pieces(): Generator<Buffer> {
    while (this.read < this.#size) {
      const piece = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, this.#size - this.read));
      const count = this.#blob.read(piece, 0, this.read);
      if (count === 0) throw new LayoutError("corrupt", this.#path, `shrank from ${this.#size} to ${this.read} bytes`);
      this.read += count;
      this.#hash.update(piece.subarray(0, count));
      yield piece.subarray(0, count);
    }
  }

  /** To be called when all is read. Throws LayoutError (corrupt) if the bytes are not those of the digest. */
  verify(): void {
    this.#found ??= this.#hash.digest("hex");
    if (this.#found === this.#digest) return;
    throw new LayoutError("corrupt", this.#path, `its content has sha256 ${this.#found}`);
  }

  close(): void {
    this.#blob.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Decompresses; each piece is valid until the next is asked for. `failed` makes an error of what the decompressor reports; errors of
 * `pieces` are thrown as they are.
 */
export async function* decompressed(
  pieces: Iterable<Buffer>,
  compression: Compression,
  failed: (problem: string, cause: unknown) => Error,
): AsyncGenerator<Buffer> {
  if (compression === "none") return yield* pieces;
  try {
    yield* compression === "gzip" ? gunzipped(pieces) : unzstd(pieces);
  } catch (error) {
    const isOfZlib = errorCode(error)?.startsWith("Z_") === true;
    if (!(error instanceof Error) || error instanceof LayoutError || (isSystemError(error) && !isOfZlib)) throw error;
    throw failed(`cannot decompress (${compression}): ${error.message}`, error);
  }
}

/** In other threads. */
function gunzipped(pieces: Iterable<Buffer>): AsyncIterable<Buffer> {
  const gunzip = createGunzip({ chunkSize: PIECE_BYTES });
  // An error of either ends both, and is thrown to the reader.
  pipeline(Readable.from(pieces, { highWaterMark: 1 }), gunzip, () => undefined);
  return gunzip;
}

/** Any number of frames, skippable ones among them: Node's stream ends with the first. The window has at most 128 MiB, zstd's limit. */
function* unzstd(pieces: Iterable<Buffer>): Generator<Buffer> {
  const binding = createRequire(import.meta.url)("zstd-napi/binding.js") as typeof zstd;
  const context = new binding.DCtx();
  const output = Buffer.allocUnsafeSlow(PIECE_BYTES);
  // What zstd returns: 0 at the end of a frame.
  let left = 0;
  for (const piece of pieces) {
    let input: Uint8Array = piece;
    let produced = 0;
    while (input.length > 0 || (produced === output.length && left > 0)) {
      let consumed: number;
      [left, produced, consumed] = context.decompressStream(output, input);
      input = input.subarray(consumed);
      if (produced > 0) yield output.subarray(0, produced);
    }
  }
  if (left > 0) throw new Error("unexpected end of file");
}
