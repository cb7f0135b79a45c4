import { hash } from "node:crypto";
import { DIGEST_BYTES, VERITY_BLOCK_BYTES } from "@puzzlefs/format";

/**
 * The fs-verity digest of bytes that come piece by piece, in memory that does not grow with the file: the Merkle
 * tree is built bottom up, one open block per level. SHA-256, 4096-byte blocks, no salt.
 */
export class FsVerityHasher {
  /** The open block of data, `#size % 4096` bytes of it used. */
  readonly #data = Buffer.alloc(VERITY_BLOCK_BYTES);
  #size = 0;
  /** Level 0 holds hashes of data blocks, each further level hashes of the full blocks below. */
  readonly #levels: { block: Buffer; used: number }[] = [];
  /** Levels in use; those above are left from the file before. */
  #height = 0;

  /** Bytes so far. */
  get size(): number {
    return this.#size;
  }

  update(bytes: Uint8Array): this {
    let start = 0;
    const used = this.#size % VERITY_BLOCK_BYTES;
    this.#size += bytes.length;
    if (used > 0) {
      start = Math.min(VERITY_BLOCK_BYTES - used, bytes.length);
      this.#data.set(bytes.subarray(0, start), used);
      if (used + start < VERITY_BLOCK_BYTES) return this;
      this.#append(0, this.#data);
    }
    for (; start + VERITY_BLOCK_BYTES <= bytes.length; start += VERITY_BLOCK_BYTES)
      this.#append(0, bytes.subarray(start, start + VERITY_BLOCK_BYTES));
    if (start < bytes.length) this.#data.set(bytes.subarray(start));
    return this;
  }

  /** The digest of everything since the last digest(), 32 bytes. The hasher is then reset. */
  digest(): Buffer {
    const used = this.#size % VERITY_BLOCK_BYTES;
    if (used > 0) this.#append(0, this.#data.fill(0, used));
    // struct fsverity_descriptor: version 1, SHA-256, log2 of the block size, then sizes and the root hash.
    const descriptor = Buffer.alloc(256);
    descriptor.set([1, 1, 12]);
    descriptor.writeBigUInt64LE(BigInt(this.#size), 8);
    if (this.#size > 0) descriptor.set(this.#root(), 16);
    this.#size = 0;
    this.#height = 0;
    return hash("sha256", descriptor, "buffer");
  }

  /** Hashes a block into the level above it; a level's block that becomes full moves up at once. */
  #append(level: number, block: Uint8Array): void {
    const above = (this.#levels[level] ??= { block: Buffer.alloc(VERITY_BLOCK_BYTES), used: 0 });
    if (level === this.#height) {
      this.#height++;
      above.used = 0;
    }
    // As a latin1 string ("binary") the digest costs a third less than as a Buffer of its own: 1.36 against 0.94 GB/s.
    above.block.write(hash("sha256", block, "binary"), above.used, DIGEST_BYTES, "latin1");
    above.used += DIGEST_BYTES;
    if (above.used < VERITY_BLOCK_BYTES) return;
    above.used = 0;
    this.#append(level + 1, above.block);
  }

  /** Closes the open blocks from the bottom up; a level that holds a single hash and has none above is the root. */
  #root(): Buffer {
    for (let i = 0; ; i++) {
      const { block, used } = this.#levels[i];
      if (i === this.#height - 1 && used === DIGEST_BYTES) return block.subarray(0, DIGEST_BYTES);
      if (used > 0) this.#append(i + 1, block.fill(0, used));
    }
  }
}

/** Shared by one-shot calls, which are synchronous: most chunks are small, and new blocks would cost them a fifth. */
const shared = new FsVerityHasher();

/** The fs-verity digest of a whole file in memory: SHA-256, 4096-byte blocks, no salt. 32 bytes. */
export function fsVerityDigest(bytes: Uint8Array): Buffer {
  return shared.update(bytes).digest();
}
