import {
  Bytes,
  findFrame,
  FormatError,
  readSeekFooter,
  readSeekTable as readTable,
  SEEK_FOOTER_BYTES,
} from "@puzzlefs/format";
import type { BlobFile } from "./blob-file.ts";
import type { Decompression } from "./decompression.ts";

/**
 * The format allows 2^27 frames, whose table would take 2 GiB of memory. A blob of many gigabytes has some
 * 100,000; more than this is taken for an attack.
 */
const maxFrames = 1 << 22;

/** Where the frames of a compressed blob are: a checked seek table in memory, 16 bytes a frame. */
export class SeekTable {
  readonly frames: number;
  /** Bytes of the uncompressed stream. */
  readonly length: number;
  readonly #content: Float64Array;
  readonly #stored: Float64Array;

  constructor(frames: number, content: Float64Array, stored: Float64Array) {
    this.frames = frames;
    this.length = content[frames] as number;
    this.#content = content;
    this.#stored = stored;
  }

  /** The frame that holds byte `offset`, which is inside the stream. */
  find(offset: number): number {
    return findFrame(this.#content, this.frames, offset);
  }

  /** Where frame `frame` starts in the uncompressed stream; of one more than there are, where the stream ends. */
  start(frame: number): number {
    return this.#content[frame] as number;
  }

  /** Where the frame's stored bytes start. */
  storedStart(frame: number): number {
    return this.#stored[frame] as number;
  }

  storedEnd(frame: number): number {
    return this.#stored[frame + 1] as number;
  }
}

/** Reads a blob's seek table. @throws {FormatError} naming the blob @throws {IntegrityError} */
export function readSeekTable(file: BlobFile, decompression: Decompression): SeekTable {
  try {
    const { size } = file;
    // Most blobs are small: the bytes that are read with the table are enough for their first reads.
    const footerStart = Math.max(0, size - SEEK_FOOTER_BYTES);
    const footer = readSeekFooter(Bytes.of(decompression.storedTail(file, footerStart)), size);
    const { frames } = footer;
    if (frames > maxFrames) throw new FormatError("seek-table-frames", "unsupported", 0, size);
    const content = new Float64Array(frames + 1);
    const stored = new Float64Array(frames + 1);
    const table = Bytes.of(decompression.storedTail(file, size - footer.tableBytes));
    readTable(table, footer, size, stored, content);
    return new SeekTable(frames, content, stored);
  } catch (error) {
    throw error instanceof FormatError ? error.in(file.name) : error;
  }
}
