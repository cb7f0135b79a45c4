import { isHexDigest } from "@puzzlefs/oci";

/*
 * What a reader of a lazy image and the fetcher of its layout send each other over a Unix socket. The reader: lines of JSON, first a
 * FetchOrder, then wishes. The fetcher: for each chunk that was wished for one answer.
 */

/** How chunks of an image are fetched for one reader. */
export interface FetchOrder {
  /** Hex sha256 of the stored manifest. */
  image: string;
  /** Fetch the other chunks in the background. */
  fill: boolean;
  /** Bytes of free space that stay free: nothing is stored beyond. */
  reserve: number;
  /** Milliseconds for which a chunk is tried to be fetched. */
  timeout: number;
  /** Chunks are for readers of the layout: one counts as fetched when it is stored there, and no bytes are sent. */
  stored: boolean;
}

/** Chunks (hex) that are to be fetched. */
export interface Wish {
  want: string[];
}

/**
 * STORED: the chunk is in the layout. BYTES: these are its bytes, which may not be stored. FAILED: a message. COMPLETE, for no chunk: all
 * of the image is in the layout, all wishes are fulfilled, and the fetcher closes the connection.
 */
export const Answer = { STORED: 0, BYTES: 1, FAILED: 2, COMPLETE: 3 } as const;
/** The digest of an answer for no chunk. */
export const NO_DIGEST = "0".repeat(64);

/** Bytes of the largest chunk of an image that can be lazy: answers are in memory. */
export const LARGEST_CHUNK = 64 << 20;
const LARGEST_MESSAGE = 1 << 16;
/** Digests of one wish. */
export const MOST_WANTED = 1024;
/** Of a reader's line, bytes. */
const LARGEST_LINE = 1 << 20;

const DIGEST_BYTES = 32;
/** An answer begins with the digest, its kind and the length of what follows, both u32. */
const HEAD_BYTES = DIGEST_BYTES + 8;

export interface ReadAnswer {
  digest: string;
  kind: number;
  body: Buffer;
}

export function answerHead(digest: string, kind: number, length: number): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.write(digest, 0, "hex");
  head.writeUInt32LE(kind, DIGEST_BYTES);
  head.writeUInt32LE(length, DIGEST_BYTES + 4);
  return head;
}

/** The message of a failure, no longer than an answer may be. */
export function failureText(message: string): Buffer {
  return Buffer.from(message).subarray(0, LARGEST_MESSAGE);
}

/** Divides what a fetcher sends into answers. Throws Error for what is none. */
export class AnswerReader {
  #parts: Buffer[] = [];
  #length = 0;
  /** Bytes that the next answer has; HEAD_BYTES until its head is known. */
  #wanted = HEAD_BYTES;

  *read(part: Buffer): Generator<ReadAnswer> {
    this.#parts.push(part);
    this.#length += part.length;
    while (this.#length >= this.#wanted) {
      const bytes = this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts);
      const length = bytes.readUInt32LE(DIGEST_BYTES + 4);
      if (length > LARGEST_CHUNK) throw new Error(`an answer of ${length} bytes`);
      this.#wanted = HEAD_BYTES + length;
      this.#parts = [bytes];
      if (bytes.length < this.#wanted) return;
      this.#parts = [bytes.subarray(this.#wanted)];
      this.#length = bytes.length - this.#wanted;
      const body = bytes.subarray(HEAD_BYTES, this.#wanted);
      this.#wanted = HEAD_BYTES;
      yield { digest: bytes.toString("hex", 0, DIGEST_BYTES), kind: bytes.readUInt32LE(DIGEST_BYTES), body };
    }
  }
}

/** Divides what a reader sends into lines. Throws Error for one that is too long. */
export class LineReader {
  #text = "";

  *read(part: string): Generator<string> {
    const lines = (this.#text + part).split("\n");
    this.#text = lines.pop() ?? "";
    if (this.#text.length > LARGEST_LINE) throw new Error("a line that is too long");
    yield* lines;
  }
}

/** Throws Error for what is no order. */
export function parseOrder(line: string): FetchOrder {
  const { image, fill, reserve, timeout, stored } = JSON.parse(line) as Partial<FetchOrder>;
  const isOrder = typeof image === "string" && isHexDigest(image) && typeof fill === "boolean";
  if (!isOrder || !isCount(reserve) || !isCount(timeout) || typeof stored !== "boolean")
    throw new Error("not an order");
  return { image, fill, reserve, timeout, stored };
}

/** Throws Error for what is no wish, or too long. */
export function parseWish(line: string): Wish {
  const { want } = JSON.parse(line) as Partial<Wish>;
  if (
    !Array.isArray(want) ||
    want.length > MOST_WANTED ||
    !want.every((digest) => typeof digest === "string" && isHexDigest(digest))
  )
    throw new Error("not a wish");
  return { want };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
