import { availableBytes, messageOf } from "@puzzlefs/linux";
import { FILE_MODE, type Layout, type StagedBlob, Transaction, Turns, writeAll } from "@puzzlefs/oci";
import { close } from "@puzzlefs/linux";

/** Chunks are written together: synchronizing the disk for each would take longer than fetching it. */
const BATCH_BYTES = 8 << 20;
const BATCH_MILLISECONDS = 500;
/** Beyond, they are not stored. */
const MOST_BYTES = 48 << 20;
/** After a write that failed, nothing is stored for so long. */
const REST_MILLISECONDS = 10_000;

/** What happens to chunks that do not fit. */
export interface WriterOptions {
  /** Free space that stays free, bytes. */
  reserve: number;
  log(message: string): void;
}

/**
 * Stores chunks whose digests have been checked: as blobs of the layout, durably, many with one synchronization. Until then they are in memory.
 * If the disk is full, they are forgotten: they can be fetched again.
 */
export class ChunkWriter {
  readonly #layout: Layout;
  readonly #options: WriterOptions;
  /** Not stored yet, by digest. */
  #waiting = new Map<string, Buffer>();
  /** Being stored. */
  #writing = new Map<string, Buffer>();
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #current: Promise<void> | undefined;
  #restUntil = 0;

  constructor(layout: Layout, options: WriterOptions) {
    this.#layout = layout;
    this.#options = options;
  }

  /** Whether chunks can be stored now: fetching without need has no purpose otherwise. */
  get accepts(): boolean {
    return (
      performance.now() >= this.#restUntil &&
      availableBytes(this.#layout.blobs.directory.descriptor) > this.#options.reserve
    );
  }

  /** A chunk that is not stored yet. */
  get(digest: string): Buffer | undefined {
    return this.#waiting.get(digest) ?? this.#writing.get(digest);
  }

  add(digest: string, bytes: Buffer): void {
    // The largest chunks are stored one at a time.
    const isFull = this.#bytes > 0 && this.#bytes + bytes.length > MOST_BYTES;
    if (isFull || this.get(digest) !== undefined || !this.accepts) return;
    this.#waiting.set(digest, bytes);
    this.#bytes += bytes.length;
    if (this.#bytes >= BATCH_BYTES) void this.flush();
    else this.#timer ??= setTimeout(() => void this.flush(), BATCH_MILLISECONDS);
  }

  /** Stores a chunk before others of its batch are waited for. Throws Error if it cannot be stored now. */
  async store(digest: string, bytes: Buffer): Promise<void> {
    await this.flush();
    while (!this.#layout.blobs.has(digest)) {
      if (!this.accepts) throw new Error("it cannot be stored: there is no space, or the last attempt has failed");
      // There was no memory for it when it arrived.
      this.add(digest, bytes);
      await this.flush();
    }
  }

  /** Settles when memory is free for more. */
  async room(): Promise<void> {
    while (this.#bytes >= 2 * BATCH_BYTES) await this.flush();
  }

  /** Stores what is in memory. Never rejected. */
  async flush(): Promise<void> {
    while (this.#current !== undefined) await this.#current;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.size === 0) return;
    [this.#writing, this.#waiting] = [this.#waiting, new Map()];
    this.#current = this.#store(this.#writing);
    try {
      await this.#current;
    } finally {
      this.#current = undefined;
      for (const { length } of this.#writing.values()) this.#bytes -= length;
      this.#writing = new Map();
    }
  }

  async #store(chunks: ReadonlyMap<string, Buffer>): Promise<void> {
    const turns = new Turns(() => undefined);
    let transaction: Transaction | undefined;
    try {
      transaction = await Transaction.beginAsync(this.#layout, turns);
      const staged: StagedBlob[] = [];
      for (const [digest, bytes] of chunks) {
        const temporary = `chunk-${staged.length}`;
        const descriptor = transaction.directory.createFile(temporary, FILE_MODE);
        try {
          writeAll(descriptor, bytes);
        } finally {
          close(descriptor);
        }
        staged.push({ temporary, digest });
        if (turns.isDue) await turns.take();
      }
      await transaction.commitBlobsAsync(staged, turns);
    } catch (error) {
      this.#restUntil = performance.now() + REST_MILLISECONDS;
      this.#options.log(`chunks are not stored: ${messageOf(error)}`);
      abort(transaction);
    }
  }
}

/** It fails again where the disk does. */
function abort(transaction: Transaction | undefined): void {
  try {
    transaction?.abort();
  } catch {
    // The next transaction sweeps what is left.
  }
}
