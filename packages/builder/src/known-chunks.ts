import type { Directory } from "@puzzlefs/linux";
import type { Layout } from "@puzzlefs/oci";

import { chunkFlags, type ChunkTable } from "./chunk-table.ts";
import type { KnownPacks } from "./packed/known-packs.ts";
import { RecordFile } from "./record-file.ts";

const PREFIX = ".puzzlefs-chunks-";
const MAGIC = Buffer.from("puzzlefs chunk 1");
const DIGEST_BYTES = 32;
/** Digests of content and of the stored bytes, fs-verity digest, size, flags. */
const RECORD_BYTES = 104;
const storedAt = 32;
const verityAt = 64;
const sizeAt = 96;
const flagsAt = 100;
const COMPRESSED = 1;
/** Only in memory: a packed image that is open has the blob. */
const PACKED = 2;

/** Known chunks in memory that threads share. */
export class KnownChunks {
  readonly #records: Uint8Array;
  readonly #words: DataView;
  readonly count: number;

  constructor(records: SharedArrayBuffer) {
    this.#records = new Uint8Array(records);
    this.#words = new DataView(records);
    this.count = Math.floor(records.byteLength / RECORD_BYTES);
  }

  /** The record of a chunk; undefined if there is none. */
  find(content: Uint8Array): KnownChunk | undefined {
    let [low, high] = [0, this.count];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareAt(this.#records, middle * RECORD_BYTES, content) < 0) low = middle + 1;
      else high = middle;
    }
    const at = low * RECORD_BYTES;
    if (low === this.count || compareAt(this.#records, at, content) !== 0) return undefined;
    return {
      stored: this.#records.subarray(at + storedAt, at + storedAt + DIGEST_BYTES),
      verity: this.#records.subarray(at + verityAt, at + verityAt + DIGEST_BYTES),
      size: this.#words.getUint32(at + sizeAt, true),
      compressed: (this.#words.getUint32(at + flagsAt, true) & COMPRESSED) !== 0,
      packed: (this.#words.getUint32(at + flagsAt, true) & PACKED) !== 0,
    };
  }

  /** The records, with the content's digest first in each. */
  *records(): Generator<Uint8Array> {
    for (let at = 0; at < this.count * RECORD_BYTES; at += RECORD_BYTES)
      yield this.#records.subarray(at, at + RECORD_BYTES);
  }
}

/** How a chunk is stored. */
export interface KnownChunk {
  stored: Uint8Array;
  verity: Uint8Array;
  /** Bytes. */
  size: number;
  compressed: boolean;
  /** A packed image that is open has the blob. */
  packed: boolean;
}

/**
 * A file of a layout that maps the content of chunks to the blobs that they were stored as, so that the next build only hashes
 * what it has stored before. Records ascend by content.
 */
export class KnownChunkFile {
  readonly #layout: Layout;
  readonly #file: RecordFile;
  #packs: KnownPacks | undefined;

  /** @param parameters all that a stored form depends on, but for the content */
  constructor(layout: Layout, parameters: string) {
    this.#layout = layout;
    this.#file = new RecordFile(layout.directory, PREFIX, MAGIC, parameters, RECORD_BYTES);
  }

  /** @param packs have chunks that are not files of the layout */
  load(packs?: KnownPacks): SharedArrayBuffer {
    this.#packs = packs;
    const records = this.#file.load() ?? Buffer.alloc(0);
    const shared = new SharedArrayBuffer(records.length);
    const words = new DataView(shared);
    new Uint8Array(shared).set(records);
    if (packs === undefined || packs.isEmpty) return shared;
    for (let at = 0; at < records.length; at += RECORD_BYTES) {
      const isCompressed = words.getUint32(at + flagsAt, true) & COMPRESSED;
      const isPacked = packs.size(storedOf(records, at)) === words.getUint32(at + sizeAt, true);
      words.setUint32(at + flagsAt, isCompressed | (isPacked ? PACKED : 0), true);
    }
    return shared;
  }

  /**
   * Stages a file with the chunks of a build and those that were known before. Returns its name; undefined if there are no
   * new ones.
   */
  stage(before: KnownChunks, chunks: ChunkTable, published: number, staging: Directory): string | undefined {
    const added = newRecords(before, chunks, published).sort(Buffer.compare);
    if (added.length === 0) return undefined;
    return this.#file.stage(merged(before, added, this.#mayExist(before.count + added.length)), staging);
  }

  /**
   * Whether the blob of a record may exist; a record of a removed one is noticed when it is used. Other packed images than
   * the open ones are not asked; they may have any.
   */
  #mayExist(count: number): (record: Uint8Array) => boolean {
    if (count < MOST_UNCHECKED || (count < MOST_DOUBTFUL && this.#packs?.hasOthers === true)) return () => true;
    const blobs = new Set(this.#layout.blobs.list());
    return (record) => (record[flagsAt] & PACKED) !== 0 || blobs.has(storedOf(record, 0));
  }
}

/** So many records are kept without a look at the blobs: 7 MB. */
const MOST_UNCHECKED = 1 << 16;
/** So many are kept although their blobs may have been removed: 64 MB. */
const MOST_DOUBTFUL = 600_000;

/** The digest in hex of the stored bytes of a record. */
function storedOf(records: Uint8Array, at: number): string {
  return Buffer.from(records.buffer, records.byteOffset + at + storedAt, DIGEST_BYTES).toString("hex");
}

/** Records in one order: those of before that are kept, and new ones, which are sorted. */
function merged(before: KnownChunks, added: readonly Buffer[], isKept: (record: Uint8Array) => boolean): Uint8Array {
  const all = new Uint8Array((before.count + added.length) * RECORD_BYTES);
  let [end, next] = [0, 0];
  const put = (record: Uint8Array): void => {
    all.set(record, end);
    all[end + flagsAt] &= COMPRESSED;
    end += RECORD_BYTES;
  };
  for (const record of before.records()) {
    while (next < added.length && Buffer.compare(added[next], record) < 0) put(added[next++]);
    if (isKept(record)) put(record);
  }
  while (next < added.length) put(added[next++]);
  return all.subarray(0, end);
}

function newRecords(before: KnownChunks, chunks: ChunkTable, published: number): Buffer[] {
  const added: Buffer[] = [];
  for (let chunk = 0; chunk < published; chunk++) {
    const flags = chunks.flags(chunk);
    if (chunks.original(chunk) !== chunk || (flags & chunkFlags.base) !== 0) continue;
    const content = chunks.contentDigest(chunk);
    if (before.find(content) !== undefined) continue;
    const record = Buffer.alloc(RECORD_BYTES);
    record.set(content);
    record.set(chunks.storedDigest(chunk), storedAt);
    record.set(chunks.verity(chunk), verityAt);
    record.writeUInt32LE(chunks.storedLength(chunk), sizeAt);
    record.writeUInt32LE((flags & chunkFlags.compressed) === 0 ? 0 : COMPRESSED, flagsAt);
    added.push(record);
  }
  return added;
}

function compareAt(records: Uint8Array, at: number, digest: Uint8Array): number {
  for (let index = 0; index < DIGEST_BYTES; index++) {
    const difference = records[at + index] - digest[index];
    if (difference !== 0) return difference;
  }
  return 0;
}
