// Code generated from schema/places.ts by make codegen. DO NOT EDIT.
import { checkedAdd, failure, narrow, type Bytes } from "../runtime.ts";
import { type StructList } from "../struct-list.ts";
import { MAX_PACKS } from "./bundle.ts";
import { DIGEST_BYTES } from "./digest.ts";
import { putU32, putU53 } from "./littleendian.ts";
import { type Pack } from "./metadata.ts";
import { compareNames } from "./names.ts";
import { Rule } from "./rules.ts";
import { dataField, element, u53Field } from "./wire.ts";

/** "pfsp". */
export const PLACE_MAGIC = 0x70736670;

export const PLACE_VERSION = 1;

export const PLACE_HEAD_BYTES = 112;

export const PLACE_PACK_BYTES = 72;

export const PLACE_BYTES = 48;

/** Largest table: readers keep it in memory. It has 11 million chunks. */
export const MAX_PLACE_TABLE_BYTES = 0x20000000;

/** Numbers that are kept while a table is checked: of each pack the bytes of its chunks. */
export const PLACE_SUMS = MAX_PACKS;

const MANIFEST_AT = 16;

const METADATA_AT = 48;

const METADATA_VERITY_AT = 80;

/** The numbers of records of a table. */
export interface PlaceHead {
  readonly packs: number;
  readonly chunks: number;
}

/** Where a chunk is: `size` bytes at `offset` of pack number `pack`. */
export interface Place {
  readonly pack: number;
  readonly offset: number;
  readonly size: number;
}

/** Bytes of a table. */
export function placeTableBytes(packs: number, chunks: number): number {
  return PLACE_HEAD_BYTES + packs * PLACE_PACK_BYTES + chunks * PLACE_BYTES;
}

/** Where the record of a chunk starts, bytes. */
function placeAt(packs: number, rank: number): number {
  return placeTableBytes(packs, rank);
}

function putBytes(table: Uint8Array, at: number, bytes: Bytes): void {
  for (let i = 0; i < bytes.length; i++) {
    table[narrow(at) + i] = bytes.at(i);
  }
}

/** Writes the head and the packs. `verity` is the metadata's fs-verity digest; empty, and the table zeroed: it is not known. */
export function writePlaceHead(
  table: Uint8Array,
  manifest: Bytes,
  metadata: Bytes,
  verity: Bytes,
  packs: StructList<Pack>,
  chunks: number,
): void {
  putU32(table, 0, PLACE_MAGIC);
  putU32(table, 4, PLACE_VERSION);
  putU32(table, 8, packs.length);
  putU32(table, 12, chunks);
  putBytes(table, MANIFEST_AT, manifest);
  putBytes(table, METADATA_AT, metadata);
  putBytes(table, METADATA_VERITY_AT, verity);
  for (let i = 0; i < packs.length; i++) {
    const at = PLACE_HEAD_BYTES + i * PLACE_PACK_BYTES;
    putBytes(table, at, dataField(element(packs.part, i), 0));
    putBytes(table, narrow(at) + DIGEST_BYTES, dataField(element(packs.part, i), 1));
    putU53(table, narrow(at) + 2 * DIGEST_BYTES, u53Field(element(packs.part, i), 0));
  }
}

/** Writes the record of the chunk that has `rank` chunks before it. */
export function writePlace(table: Uint8Array, packs: number, rank: number, digest: Bytes, place: Place): void {
  const at = placeAt(packs, rank);
  putBytes(table, at, digest);
  putU53(table, narrow(at) + DIGEST_BYTES, place.offset);
  putU32(table, narrow(at) + DIGEST_BYTES + 8, place.size);
  putU32(table, narrow(at) + DIGEST_BYTES + 12, place.pack);
}

/** Reads the head of a table of `bytes`; `head` is its first PLACE_HEAD_BYTES. */
export function readPlaceHead(head: Bytes, bytes: number): PlaceHead {
  if (bytes > MAX_PLACE_TABLE_BYTES) {
    throw failure(Rule["place-table-too-large"], 0, 0);
  }
  if (bytes < PLACE_HEAD_BYTES) {
    throw failure(Rule["place-table-size"], 0, 0);
  }
  if (head.u32(0) !== PLACE_MAGIC || head.u32(4) !== PLACE_VERSION) {
    throw failure(Rule["place-table-magic"], 0, 0);
  }
  const packs = head.u32(8);
  const chunks = head.u32(12);
  if (packs > MAX_PACKS) {
    throw failure(Rule["place-table-packs"], 0, 8);
  }
  if (placeTableBytes(packs, chunks) !== bytes) {
    throw failure(Rule["place-table-size"], 0, 0);
  }
  return { packs: packs, chunks: chunks };
}

function digestAt(table: Bytes, at: number): Bytes {
  return table.slice(at, narrow(at) + DIGEST_BYTES);
}

/** The digest of the canonical manifest. */
export function placeManifest(table: Bytes): Bytes {
  return digestAt(table, MANIFEST_AT);
}

/** The digest of the metadata. */
export function placeMetadata(table: Bytes): Bytes {
  return digestAt(table, METADATA_AT);
}

/** The fs-verity digest of the metadata; zeros if it is not known. */
export function placeMetadataVerity(table: Bytes): Bytes {
  return digestAt(table, METADATA_VERITY_AT);
}

/** The size of pack number `pack`. */
export function placePackSize(table: Bytes, pack: number): number {
  return table.u53(PLACE_HEAD_BYTES + pack * PLACE_PACK_BYTES + 2 * DIGEST_BYTES);
}

/** The digest of pack number `pack`. */
export function placePackDigest(table: Bytes, pack: number): Bytes {
  return digestAt(table, PLACE_HEAD_BYTES + pack * PLACE_PACK_BYTES);
}

/** The fs-verity digest of pack number `pack`. */
export function placePackVerity(table: Bytes, pack: number): Bytes {
  return digestAt(table, PLACE_HEAD_BYTES + pack * PLACE_PACK_BYTES + DIGEST_BYTES);
}

/** The record of the chunk that has `rank` chunks before it. */
export function readPlace(table: Bytes, packs: number, rank: number): Place {
  const at = placeAt(packs, rank);
  return {
    pack: table.u32(narrow(at) + DIGEST_BYTES + 12),
    offset: table.u53(narrow(at) + DIGEST_BYTES),
    size: table.u32(narrow(at) + DIGEST_BYTES + 8),
  };
}

/** Checks every record of a whole table whose head is `head`. `sums` has PLACE_SUMS numbers and is zeroed. */
export function checkPlaces(table: Bytes, head: PlaceHead, sums: Float64Array): void {
  for (let rank = 0; rank < head.chunks; rank++) {
    const at = placeAt(head.packs, rank);
    const place = readPlace(table, head.packs, rank);
    if (rank > 0) {
      const before = placeAt(head.packs, rank > 1 ? rank - 1 : 0);
      if (compareNames(digestAt(table, before), digestAt(table, at)) !== 0) {
        throw failure(Rule["place-table-order"], 0, at);
      }
    }
    if (place.pack >= head.packs || place.size === 0) {
      throw failure(Rule["place-table-slice"], 0, at);
    }
    const size = placePackSize(table, place.pack);
    if (place.offset > size || place.size > (size > place.offset ? size - place.offset : 0)) {
      throw failure(Rule["place-table-slice"], 0, at);
    }
    const used = sums[place.pack] ?? 0;
    if (place.size > (size > used ? size - used : 0)) {
      throw failure(Rule["place-table-overlap"], 0, at);
    }
    const sum = checkedAdd(used, place.size);
    sums[place.pack] = sum;
  }
}

/** Where chunk `digest` is, by a table that has been checked. */
export function findPlace(table: Bytes, head: PlaceHead, digest: Bytes): Place | undefined {
  let low: number = 0;
  let high: number = head.chunks;
  for (let measure = 0, bound = Infinity; low < high; bound = measure) {
    measure = high > low ? high - low : 0;
    if (measure > bound / 2 || bound === 0) break;
    const middle = Math.floor((low + high) / 2);
    const at = placeAt(head.packs, middle);
    const order = compareNames(digestAt(table, at), digest);
    if (order === 1) {
      return readPlace(table, head.packs, middle);
    }
    if (order === 0) {
      low = narrow(middle + 1);
    } else {
      high = middle;
    }
  }
  return undefined;
}
