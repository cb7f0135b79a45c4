/**
 * The index of a bundle: the pack, position and size of each chunk, in walk order.
 *
 * Walk order is the order of the metadata: layers from the newest on, visible inodes by number, runs; each chunk where it
 * comes first. So the index needs no digests. It consists of runs of chunks that follow each other in a pack:
 *
 *     pack * 2 + direction, distance, number of chunks, then the size of each
 *
 * A run starts `distance` bytes after (direction 0) or before (1) the end of the run before it in that pack; of the first
 * one, after the pack's start. All are numbers of 7 bits a byte, the lowest first, whose last byte is below 128.
 */
import { MAX_PACKS } from "./bundle.ts";
import { decreases, difference, fail, halves, offsetOf, u32, U53_END } from "./language.ts";
import type { Bytes, Items, Scratch, Value, u53, u8 } from "./language.ts";
import type { Pack, Rootfs } from "./metadata.ts";
import { compareNames } from "./names.ts";
import { writePlace } from "./places.ts";

/** Largest number of bytes of a number. */
const NUMBER_BYTES: u32 = 7;
/** Bytes of the index that a chunk needs at most: four numbers. */
export const INDEX_CHUNK_BYTES: u32 = NUMBER_BYTES * 4;
/** Numbers that are kept while an index is read or written: of each pack where its last run ended, and the bytes of its chunks. */
export const INDEX_POSITIONS: u32 = MAX_PACKS * 2;

/** Values of `forms`: how a chunk is stored. */
export const FORM_RAW: u8 = 1;
export const FORM_COMPRESSED: u8 = 2;

/** A number of the index, and where the next one starts. */
interface IndexNumber extends Value {
  number: u53;
  next: u32;
}

/** The head of a run, and where its sizes start. */
interface IndexRun extends Value {
  pack: u32;
  offset: u53;
  chunks: u53;
  next: u32;
}

function readNumber(index: Bytes, at: u32): IndexNumber {
  let value: u53 = 0;
  let scale: u53 = 1;
  for (let i: u32 = 0; i < NUMBER_BYTES; i++) {
    if (at + i >= index.length) fail("index-truncated", 0, at);
    const byte: u32 = index[at + i];
    const digit = (byte & 127) * scale;
    value = value + digit;
    if (byte < 128) return { number: value, next: u32(at + i + 1) };
    scale = scale * 128;
  }
  fail("index-number", 0, at);
}

function readRun(index: Bytes, at: u32, packs: Items<Pack>, positions: Scratch<u53>): IndexRun {
  const head = readNumber(index, at);
  const distance = readNumber(index, head.next);
  const chunks = readNumber(index, distance.next);
  const pack: u32 = u32(head.number / 2);
  if (pack >= packs.length) fail("index-pack", 0, at);
  if (chunks.number === 0) fail("index-run", 0, at);
  const end: u53 = positions[pack];
  if (head.number % 2 === 0) {
    const after = end + distance.number;
    return { pack: pack, offset: after, chunks: chunks.number, next: chunks.next };
  }
  if (distance.number > end) fail("index-outside-pack", 0, at);
  return { pack: pack, offset: difference(end, distance.number), chunks: chunks.number, next: chunks.next };
}

/** Checks that the digests of an image's blobs ascend: then the number of those before one of them is its rank. */
export function checkRanks(image: Rootfs): void {
  const list = image.fsVerityData;
  for (let i: u32 = 1; i < list.length; i++) {
    if (compareNames(list[difference(i, 1)].digest, list[i].digest) !== 0) {
      fail("bundle-verity-order", 0, offsetOf(list[i]));
    }
  }
}

/** The rank of a blob; the number of blobs if it is not among them. */
export function rankOf(image: Rootfs, digest: Bytes): u32 {
  const list = image.fsVerityData;
  let low: u32 = 0;
  let high: u32 = list.length;
  while (low < high) {
    halves(high - low);
    const middle: u32 = (low + high) / 2;
    const order: u32 = compareNames(list[middle].digest, digest);
    if (order === 1) return middle;
    if (order === 0) low = u32(middle + 1);
    else high = middle;
  }
  return list.length;
}

/** Reads the position of the next chunk, and writes its record into the place table. Returns the rest of the run. */
function placeChunk(
  index: Bytes,
  packs: Items<Pack>,
  positions: Scratch<u53>,
  table: Scratch<u8>,
  rank: u32,
  digest: Bytes,
  rest: IndexRun,
): IndexRun {
  let run: IndexRun = rest;
  if (run.chunks === 0) {
    const started = readRun(index, run.next, packs, positions);
    run = started;
  }
  const at: u32 = run.next;
  const size = readNumber(index, at);
  const pack: u32 = run.pack;
  const whole: u53 = packs[pack].size;
  if (size.number === 0 || size.number > 0xffffffff) fail("index-chunk-size", 0, at);
  if (run.offset > whole || size.number > difference(whole, run.offset)) fail("index-outside-pack", 0, at);
  if (size.number > difference(whole, positions[MAX_PACKS + pack])) fail("index-overlap", 0, at);
  writePlace(table, packs.length, rank, digest, { pack: pack, offset: run.offset, size: u32(size.number) });
  const end = run.offset + size.number;
  const used = positions[MAX_PACKS + pack] + size.number;
  positions[pack] = end;
  positions[MAX_PACKS + pack] = used;
  return { pack: pack, offset: end, chunks: difference(run.chunks, 1), next: size.next };
}

/**
 * Reads the index of a packed image, whose `links` was filled by validate. Writes the record of each chunk into the place table, whose other parts
 * writePlaceHead writes, and by rank its form, one of FORM_…, into `forms`. `positions` has INDEX_POSITIONS numbers; it
 * and `forms` are zeroed.
 */
export function readIndex(
  image: Rootfs,
  links: Scratch<u32>,
  index: Bytes,
  packs: Items<Pack>,
  positions: Scratch<u53>,
  table: Scratch<u8>,
  forms: Scratch<u8>,
): void {
  const list = image.fsVerityData;
  checkRanks(image);
  let run: IndexRun = { pack: 0, offset: 0, chunks: 0, next: 0 };
  let last: Bytes = index.slice(0, 0);
  let lastRank: u32 = 0;
  let placed: u32 = 0;
  let ordinal: u53 = 0;
  for (const layer of image.metadatas) {
    for (const inode of layer.inodes) {
      const visible: boolean = links[ordinal] !== 0;
      ordinal = u32(ordinal) + 1;
      if (!visible || inode.mode.kind !== "file") continue;
      for (const chunk of inode.mode.file) {
        const digest = chunk.blob.digest;
        // Small files that follow each other are often in one chunk.
        if (compareNames(digest, last) !== 1) {
          lastRank = rankOf(image, digest);
          last = digest;
          if (lastRank >= list.length) fail("bundle-chunk-unlisted", inode.ino, offsetOf(chunk));
        }
        const rank: u32 = lastRank;
        if (forms[rank] === 0) {
          const next = placeChunk(index, packs, positions, table, rank, digest, run);
          run = next;
          forms[rank] = FORM_RAW;
          placed = u32(placed + 1);
        }
        // The same bytes can be one chunk compressed and another one raw: then they are listed as compressed.
        if (chunk.blob.compressed) forms[rank] = FORM_COMPRESSED;
      }
    }
  }
  if (run.chunks !== 0 || run.next !== index.length || placed !== list.length) fail("index-length", 0, run.next);
}

function putNumber(index: Scratch<u8>, at: u32, value: u53): u32 {
  let rest: u53 = value;
  let next: u32 = at;
  while (rest >= 128) {
    decreases(rest);
    const digit: u32 = u32(rest % 128);
    index[next] = (digit & 127) | 128;
    next = u32(next + 1);
    rest = rest / 128;
  }
  index[next] = u32(rest) & 127;
  return u32(next + 1);
}

/**
 * Writes the index of `chunks` chunks in walk order: the pack, offset and size of each. Returns its length; `index` has room
 * for INDEX_CHUNK_BYTES a chunk. `positions` has INDEX_POSITIONS numbers and is zeroed.
 */
export function writeIndex(
  index: Scratch<u8>,
  packs: Scratch<u32>,
  offsets: Scratch<u53>,
  sizes: Scratch<u32>,
  chunks: u32,
  positions: Scratch<u53>,
): u32 {
  let at: u32 = 0;
  let first: u32 = 0;
  while (first < chunks) {
    decreases(chunks - first);
    const pack: u32 = packs[first];
    const start: u53 = offsets[first];
    let next: u32 = first;
    let end: u53 = start;
    while (next < chunks && packs[next] === pack && offsets[next] === end) {
      decreases(chunks - next);
      end = endOf(end, sizes[next]);
      next = u32(next + 1);
    }
    const before: u53 = positions[pack];
    const isBack: boolean = start < before;
    at = putNumber(index, at, pack * 2 + (isBack ? 1 : 0));
    at = putNumber(index, at, isBack ? difference(before, start) : difference(start, before));
    at = putNumber(index, at, difference(next, first));
    for (let i: u32 = first; i < next; i++) at = putNumber(index, at, sizes[i]);
    positions[pack] = end;
    first = next;
  }
  return at;
}

/** Where a chunk ends, at most U53_END. */
function endOf(start: u53, size: u53): u53 {
  const room: u53 = difference(U53_END, start);
  const left: u53 = difference(room, size);
  return difference(U53_END, left);
}
