// Code generated from schema/chunkindex.ts by make codegen. DO NOT EDIT.
import { U53_END, checkedAdd, checkedMultiply, failure, narrow, type Bytes } from "../runtime.ts";
import { type StructList } from "../struct-list.ts";
import { MAX_PACKS } from "./bundle.ts";
import { FileChunk, Inode, InodeMode, InodeVector, type Pack, type Rootfs } from "./metadata.ts";
import { compareNames } from "./names.ts";
import { writePlace } from "./places.ts";
import { Rule } from "./rules.ts";
import { boolField, dataField, element, listField, structField, u53Field } from "./wire.ts";

/** Largest number of bytes of a number. */
const NUMBER_BYTES = 7;

/** Bytes of the index that a chunk needs at most: four numbers. */
export const INDEX_CHUNK_BYTES = NUMBER_BYTES * 4;

/** Numbers that are kept while an index is read or written: of each pack where its last run ended, and the bytes of its chunks. */
export const INDEX_POSITIONS = MAX_PACKS * 2;

/** Values of `forms`: how a chunk is stored. */
export const FORM_RAW = 1;

export const FORM_COMPRESSED = 2;

/** A number of the index, and where the next one starts. */
export interface IndexNumber {
  readonly number: number;
  readonly next: number;
}

/** The head of a run, and where its sizes start. */
export interface IndexRun {
  readonly pack: number;
  readonly offset: number;
  readonly chunks: number;
  readonly next: number;
}

function readNumber(index: Bytes, at: number): IndexNumber {
  let value: number = 0;
  let scale: number = 1;
  for (let i = 0; i < NUMBER_BYTES; i++) {
    if (at + i >= index.length) {
      throw failure(Rule["index-truncated"], 0, at);
    }
    const byte = index.at(at + i);
    const digit = checkedMultiply(byte & 127, scale);
    value = checkedAdd(value, digit);
    if (byte < 128) {
      return { number: value, next: narrow(at + i + 1) };
    }
    scale = checkedMultiply(scale, 128);
  }
  throw failure(Rule["index-number"], 0, at);
}

function readRun(index: Bytes, at: number, packs: StructList<Pack>, positions: Float64Array): IndexRun {
  const head = readNumber(index, at);
  const distance = readNumber(index, head.next);
  const chunks = readNumber(index, distance.next);
  const pack = narrow(Math.floor(head.number / 2));
  if (pack >= packs.length) {
    throw failure(Rule["index-pack"], 0, at);
  }
  if (chunks.number === 0) {
    throw failure(Rule["index-run"], 0, at);
  }
  const end = positions[pack] ?? 0;
  if (head.number % 2 === 0) {
    const after = checkedAdd(end, distance.number);
    return { pack: pack, offset: after, chunks: chunks.number, next: chunks.next };
  }
  if (distance.number > end) {
    throw failure(Rule["index-outside-pack"], 0, at);
  }
  return {
    pack: pack,
    offset: end > distance.number ? end - distance.number : 0,
    chunks: chunks.number,
    next: chunks.next,
  };
}

/** Checks that the digests of an image's blobs ascend: then the number of those before one of them is its rank. */
export function checkRanks(image: Rootfs): void {
  const list = image.fsVerityData;
  for (let i = 1; i < list.length; i++) {
    if (compareNames(dataField(element(list.part, i > 1 ? i - 1 : 0), 0), dataField(element(list.part, i), 0)) !== 0) {
      throw failure(Rule["bundle-verity-order"], 0, element(list.part, i).at * 8);
    }
  }
}

/** The rank of a blob; the number of blobs if it is not among them. */
export function rankOf(image: Rootfs, digest: Bytes): number {
  const list = image.fsVerityData;
  let low: number = 0;
  let high: number = list.length;
  for (let measure = 0, bound = Infinity; low < high; bound = measure) {
    measure = high > low ? high - low : 0;
    if (measure > bound / 2 || bound === 0) break;
    const middle = Math.floor((low + high) / 2);
    const order = compareNames(dataField(element(list.part, middle), 0), digest);
    if (order === 1) {
      return middle;
    }
    if (order === 0) {
      low = narrow(middle + 1);
    } else {
      high = middle;
    }
  }
  return list.length;
}

/** Reads the position of the next chunk, and writes its record into the place table. Returns the rest of the run. */
function placeChunk(
  index: Bytes,
  packs: StructList<Pack>,
  positions: Float64Array,
  table: Uint8Array,
  rank: number,
  digest: Bytes,
  rest: IndexRun,
): IndexRun {
  let run: IndexRun = rest;
  if (run.chunks === 0) {
    const started = readRun(index, run.next, packs, positions);
    run = started;
  }
  const at = run.next;
  const size = readNumber(index, at);
  const pack = run.pack;
  const whole = u53Field(element(packs.part, pack), 0);
  if (size.number === 0 || size.number > 0xffffffff) {
    throw failure(Rule["index-chunk-size"], 0, at);
  }
  if (run.offset > whole || size.number > (whole > run.offset ? whole - run.offset : 0)) {
    throw failure(Rule["index-outside-pack"], 0, at);
  }
  if (size.number > (whole > (positions[MAX_PACKS + pack] ?? 0) ? whole - (positions[MAX_PACKS + pack] ?? 0) : 0)) {
    throw failure(Rule["index-overlap"], 0, at);
  }
  writePlace(table, packs.length, rank, digest, { pack: pack, offset: run.offset, size: narrow(size.number) });
  const end = checkedAdd(run.offset, size.number);
  const used = checkedAdd(positions[MAX_PACKS + pack] ?? 0, size.number);
  positions[pack] = end;
  positions[MAX_PACKS + pack] = used;
  return { pack: pack, offset: end, chunks: run.chunks > 1 ? run.chunks - 1 : 0, next: size.next };
}

/**
 * Reads the index of a packed image, whose `links` was filled by validate. Writes the record of each chunk into the place table, whose other parts
 * writePlaceHead writes, and by rank its form, one of FORM_…, into `forms`. `positions` has INDEX_POSITIONS numbers; it
 * and `forms` are zeroed.
 */
export function readIndex(
  image: Rootfs,
  links: Uint32Array,
  index: Bytes,
  packs: StructList<Pack>,
  positions: Float64Array,
  table: Uint8Array,
  forms: Uint8Array,
): void {
  const list = image.fsVerityData;
  checkRanks(image);
  let run: IndexRun = { pack: 0, offset: 0, chunks: 0, next: 0 };
  let last: Bytes = index.slice(0, 0);
  let lastRank: number = 0;
  let placed: number = 0;
  let ordinal: number = 0;
  for (let layerList = listField(image.part, 0), layerIndex = 0; layerIndex < layerList.count; layerIndex++) {
    const layer = new InodeVector(element(layerList, layerIndex));
    for (let inodeList = listField(layer.part, 0), inodeIndex = 0; inodeIndex < inodeList.count; inodeIndex++) {
      const inode = new Inode(element(inodeList, inodeIndex));
      const visible = (links[ordinal] ?? 0) !== 0;
      ordinal = narrow(ordinal) + 1;
      if (!visible || InodeMode.kindOf(inode.part) !== "file") {
        continue;
      }
      for (let chunkList = inode.mode.file.part, chunkIndex = 0; chunkIndex < chunkList.count; chunkIndex++) {
        const chunk = new FileChunk(element(chunkList, chunkIndex));
        const digest = dataField(structField(chunk.part, 0), 0);
        if (compareNames(digest, last) !== 1) {
          lastRank = rankOf(image, digest);
          last = digest;
          if (lastRank >= list.length) {
            throw failure(Rule["bundle-chunk-unlisted"], inode.ino, chunk.part.at * 8);
          }
        }
        const rank = lastRank;
        if ((forms[rank] ?? 0) === 0) {
          const next = placeChunk(index, packs, positions, table, rank, digest, run);
          run = next;
          forms[rank] = FORM_RAW;
          placed = narrow(placed + 1);
        }
        if (boolField(structField(chunk.part, 0), 8, 1)) {
          forms[rank] = FORM_COMPRESSED;
        }
      }
    }
  }
  if (run.chunks !== 0 || run.next !== index.length || placed !== list.length) {
    throw failure(Rule["index-length"], 0, run.next);
  }
}

function putNumber(index: Uint8Array, at: number, value: number): number {
  let rest: number = value;
  let next: number = at;
  for (let measure = 0, bound = Infinity; rest >= 128; bound = measure) {
    measure = rest;
    if (measure >= bound) break;
    const digit = rest % 128;
    index[next] = (digit & 127) | 128;
    next = narrow(next + 1);
    rest = Math.floor(rest / 128);
  }
  index[next] = narrow(rest) & 127;
  return narrow(next + 1);
}

/**
 * Writes the index of `chunks` chunks in walk order: the pack, offset and size of each. Returns its length; `index` has room
 * for INDEX_CHUNK_BYTES a chunk. `positions` has INDEX_POSITIONS numbers and is zeroed.
 */
export function writeIndex(
  index: Uint8Array,
  packs: Uint32Array,
  offsets: Float64Array,
  sizes: Uint32Array,
  chunks: number,
  positions: Float64Array,
): number {
  let at: number = 0;
  let first: number = 0;
  for (let measure = 0, bound = Infinity; first < chunks; bound = measure) {
    measure = chunks > first ? chunks - first : 0;
    if (measure >= bound) break;
    const pack = packs[first] ?? 0;
    const start = offsets[first] ?? 0;
    let next: number = first;
    let end: number = start;
    for (
      let measure = 0, bound = Infinity;
      next < chunks && (packs[next] ?? 0) === pack && (offsets[next] ?? 0) === end;
      bound = measure
    ) {
      measure = chunks > next ? chunks - next : 0;
      if (measure >= bound) break;
      end = endOf(end, sizes[next] ?? 0);
      next = narrow(next + 1);
    }
    const before = positions[pack] ?? 0;
    const isBack = start < before;
    at = putNumber(index, at, pack * 2 + (isBack ? 1 : 0));
    at = putNumber(index, at, isBack ? (before > start ? before - start : 0) : start > before ? start - before : 0);
    at = putNumber(index, at, next > first ? next - first : 0);
    for (let i = first; i < next; i++) {
      at = putNumber(index, at, sizes[i] ?? 0);
    }
    positions[pack] = end;
    first = next;
  }
  return at;
}

/** Where a chunk ends, at most U53_END. */
function endOf(start: number, size: number): number {
  const room = U53_END > start ? U53_END - start : 0;
  const left = room > size ? room - size : 0;
  return U53_END > left ? U53_END - left : 0;
}
