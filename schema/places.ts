/**
 * The place table: the metadata of a packed image, and the pack and position of each of its chunks, for readers that have no
 * memory to sort or hash. A head, the packs, and the chunks in ascending order of their digests; all records have a fixed
 * size, and all integers have their lowest byte first.
 *
 *     head    magic u32, version u32, packs u32, chunks u32, sha256 of the canonical manifest,
 *             sha256 of the metadata, its fs-verity digest (zeros: not known)
 *     pack    sha256, fs-verity digest, size u64
 *     chunk   sha256, offset u64, size u32, pack u32
 */
import { MAX_PACKS } from "./bundle.ts";
import { DIGEST_BYTES } from "./digest.ts";
import { difference, fail, halves, u32 } from "./language.ts";
import type { Bytes, Items, Scratch, Value, u53, u8 } from "./language.ts";
import { putU32, putU53 } from "./littleendian.ts";
import type { Pack } from "./metadata.ts";
import { compareNames } from "./names.ts";

/** "pfsp". */
export const PLACE_MAGIC: u32 = 0x70736670;
export const PLACE_VERSION: u32 = 1;
export const PLACE_HEAD_BYTES: u32 = 112;
export const PLACE_PACK_BYTES: u32 = 72;
export const PLACE_BYTES: u32 = 48;
/** Largest table: readers keep it in memory. It has 11 million chunks. */
export const MAX_PLACE_TABLE_BYTES: u32 = 0x20000000;
/** Numbers that are kept while a table is checked: of each pack the bytes of its chunks. */
export const PLACE_SUMS: u32 = MAX_PACKS;
const MANIFEST_AT: u32 = 16;
const METADATA_AT: u32 = 48;
const METADATA_VERITY_AT: u32 = 80;

/** The numbers of records of a table. */
export interface PlaceHead extends Value {
  packs: u32;
  chunks: u32;
}

/** Where a chunk is: `size` bytes at `offset` of pack number `pack`. */
export interface Place extends Value {
  pack: u32;
  offset: u53;
  size: u32;
}

/** Bytes of a table. */
export function placeTableBytes(packs: u32, chunks: u32): u53 {
  return PLACE_HEAD_BYTES + packs * PLACE_PACK_BYTES + chunks * PLACE_BYTES;
}

/** Where the record of a chunk starts, bytes. */
function placeAt(packs: u32, rank: u32): u53 {
  return placeTableBytes(packs, rank);
}

function putBytes(table: Scratch<u8>, at: u53, bytes: Bytes): void {
  for (let i: u32 = 0; i < bytes.length; i++) table[u32(at) + i] = bytes[i];
}

/** Writes the head and the packs. `verity` is the metadata's fs-verity digest; empty, and the table zeroed: it is not known. */
export function writePlaceHead(
  table: Scratch<u8>,
  manifest: Bytes,
  metadata: Bytes,
  verity: Bytes,
  packs: Items<Pack>,
  chunks: u32,
): void {
  putU32(table, 0, PLACE_MAGIC);
  putU32(table, 4, PLACE_VERSION);
  putU32(table, 8, packs.length);
  putU32(table, 12, chunks);
  putBytes(table, MANIFEST_AT, manifest);
  putBytes(table, METADATA_AT, metadata);
  putBytes(table, METADATA_VERITY_AT, verity);
  for (let i: u32 = 0; i < packs.length; i++) {
    const at: u53 = PLACE_HEAD_BYTES + i * PLACE_PACK_BYTES;
    putBytes(table, at, packs[i].digest);
    putBytes(table, u32(at) + DIGEST_BYTES, packs[i].verity);
    putU53(table, u32(at) + 2 * DIGEST_BYTES, packs[i].size);
  }
}

/** Writes the record of the chunk that has `rank` chunks before it. */
export function writePlace(table: Scratch<u8>, packs: u32, rank: u32, digest: Bytes, place: Place): void {
  const at = placeAt(packs, rank);
  putBytes(table, at, digest);
  putU53(table, u32(at) + DIGEST_BYTES, place.offset);
  putU32(table, u32(at) + DIGEST_BYTES + 8, place.size);
  putU32(table, u32(at) + DIGEST_BYTES + 12, place.pack);
}

/** Reads the head of a table of `bytes`; `head` is its first PLACE_HEAD_BYTES. */
export function readPlaceHead(head: Bytes, bytes: u53): PlaceHead {
  if (bytes > MAX_PLACE_TABLE_BYTES) fail("place-table-too-large", 0, 0);
  if (bytes < PLACE_HEAD_BYTES) fail("place-table-size", 0, 0);
  if (head.u32(0) !== PLACE_MAGIC || head.u32(4) !== PLACE_VERSION) fail("place-table-magic", 0, 0);
  const packs: u32 = head.u32(8);
  const chunks: u32 = head.u32(12);
  if (packs > MAX_PACKS) fail("place-table-packs", 0, 8);
  if (placeTableBytes(packs, chunks) !== bytes) fail("place-table-size", 0, 0);
  return { packs: packs, chunks: chunks };
}

function digestAt(table: Bytes, at: u53): Bytes {
  return table.slice(at, u32(at) + DIGEST_BYTES);
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
export function placePackSize(table: Bytes, pack: u32): u53 {
  return table.u53(PLACE_HEAD_BYTES + pack * PLACE_PACK_BYTES + 2 * DIGEST_BYTES);
}

/** The digest of pack number `pack`. */
export function placePackDigest(table: Bytes, pack: u32): Bytes {
  return digestAt(table, PLACE_HEAD_BYTES + pack * PLACE_PACK_BYTES);
}

/** The fs-verity digest of pack number `pack`. */
export function placePackVerity(table: Bytes, pack: u32): Bytes {
  return digestAt(table, PLACE_HEAD_BYTES + pack * PLACE_PACK_BYTES + DIGEST_BYTES);
}

/** The record of the chunk that has `rank` chunks before it. */
export function readPlace(table: Bytes, packs: u32, rank: u32): Place {
  const at = placeAt(packs, rank);
  return {
    pack: table.u32(u32(at) + DIGEST_BYTES + 12),
    offset: table.u53(u32(at) + DIGEST_BYTES),
    size: table.u32(u32(at) + DIGEST_BYTES + 8),
  };
}

/** Checks every record of a whole table whose head is `head`. `sums` has PLACE_SUMS numbers and is zeroed. */
export function checkPlaces(table: Bytes, head: PlaceHead, sums: Scratch<u53>): void {
  for (let rank: u32 = 0; rank < head.chunks; rank++) {
    const at = placeAt(head.packs, rank);
    const place = readPlace(table, head.packs, rank);
    if (rank > 0) {
      const before = placeAt(head.packs, u32(difference(rank, 1)));
      if (compareNames(digestAt(table, before), digestAt(table, at)) !== 0) fail("place-table-order", 0, at);
    }
    if (place.pack >= head.packs || place.size === 0) fail("place-table-slice", 0, at);
    const size = placePackSize(table, place.pack);
    if (place.offset > size || place.size > difference(size, place.offset)) fail("place-table-slice", 0, at);
    const used: u53 = sums[place.pack];
    if (place.size > difference(size, used)) fail("place-table-overlap", 0, at);
    const sum = used + place.size;
    sums[place.pack] = sum;
  }
}

/** Where chunk `digest` is, by a table that has been checked. */
export function findPlace(table: Bytes, head: PlaceHead, digest: Bytes): Place | undefined {
  let low: u32 = 0;
  let high: u32 = head.chunks;
  while (low < high) {
    halves(high - low);
    const middle: u32 = (low + high) / 2;
    const at = placeAt(head.packs, middle);
    const order: u32 = compareNames(digestAt(table, at), digest);
    if (order === 1) return readPlace(table, head.packs, middle);
    if (order === 0) low = u32(middle + 1);
    else high = middle;
  }
  return undefined;
}
