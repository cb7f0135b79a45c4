import { checkPackDescriptor, openBundle as checkBundle } from "./generated/bundle.ts";
import { INDEX_POSITIONS, readIndex, writeIndex, INDEX_CHUNK_BYTES, FORM_COMPRESSED } from "./generated/chunkindex.ts";
import { DIGEST_BYTES } from "./generated/digest.ts";
import { findBundle, findCanonical, findRootfs, NO_SIZE } from "./generated/manifest.ts";
import type { Bundle } from "./generated/metadata.ts";
import {
  checkPlaces,
  findPlace,
  placePackDigest,
  placePackSize,
  placePackVerity,
  placeManifest,
  placeMetadata,
  placeTableBytes,
  PLACE_HEAD_BYTES,
  PLACE_MAGIC,
  PLACE_SUMS,
  readPlaceHead,
  readPlace,
  writePlaceHead,
} from "./generated/places.ts";
import type { Place, PlaceHead } from "./generated/places.ts";
import { MAX_SEGMENTS, openMessage } from "./generated/wire.ts";
import type { WholeMetadata } from "./metadata.ts";
import { manifestBlobs, manifestScratch } from "./open.ts";
import type { MetadataDescriptor } from "./open.ts";
import { Bytes } from "./runtime.ts";

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytesOfHex = (hex: string): Bytes => Bytes.of(Buffer.from(hex, "hex"));

/** The manifest of a packed image: its bundle, and the sha256 of the canonical manifest, hex. */
export interface PackedManifest {
  readonly bundle: MetadataDescriptor;
  readonly canonical: string;
}

/** Whether a manifest is that of a packed image. Throws FormatError. */
export function isPackedManifest(json: Uint8Array): boolean {
  let isPacked = false;
  for (const { type } of manifestBlobs(json)) {
    if (type === "rootfs") return false;
    if (type === "bundle") isPacked = true;
  }
  return isPacked;
}

/** Throws FormatError. */
export function readPackedManifest(json: Uint8Array): PackedManifest {
  const scratch = manifestScratch();
  const found = findBundle(Bytes.of(json), scratch);
  const size = found.size === NO_SIZE ? undefined : found.size;
  const bundle = { digest: hexOf(scratch.digest), size, ...(found.hasVerity && { verity: hexOf(scratch.verity) }) };
  const other = manifestScratch();
  findCanonical(Bytes.of(json), other);
  return { bundle, canonical: hexOf(other.layer.subarray(0, DIGEST_BYTES)) };
}

/** Checks a decompressed bundle, and that its packs are those of the packed manifest. The views read `content`. Throws FormatError. */
export function openBundle(content: Uint8Array, manifest: Uint8Array): Bundle {
  const message = openMessage(Bytes.of(content), new Uint32Array(MAX_SEGMENTS + 1));
  const bundle = checkBundle(message, new Float64Array(1));
  let next = 0;
  for (const { type, digest = "", size = NO_SIZE } of manifestBlobs(manifest))
    if (type === "pack") checkPackDescriptor(bundle.packs.at(next++), Bytes.of(Buffer.from(digest, "hex")), size);
  // One that the manifest lacks has no digest there.
  for (; next < bundle.packs.length; next++) checkPackDescriptor(bundle.packs.at(next), Bytes.of(Buffer.alloc(0)), 0);
  return bundle;
}

/** A chunk of an image, as its canonical manifest lists it. */
export interface PlacedChunk {
  /** Hex. */
  readonly digest: string;
  readonly size: number;
  readonly compressed: boolean;
}

/**
 * Reads the index of a bundle: the place table of the image, and its chunks in ascending order of their digests.
 * `canonical` is the sha256 of the canonical manifest, hex. Throws FormatError.
 */
export function readBundleIndex(
  bundle: Bundle,
  { image, links }: WholeMetadata,
  canonical: string,
  described: MetadataDescriptor,
): { table: PlaceTable; chunks: PlacedChunk[] } {
  const { packs, index } = bundle;
  const { fsVerityData } = image;
  const count = fsVerityData.length;
  const bytes = new Uint8Array(placeTableBytes(packs.length, count));
  const forms = new Uint8Array(count);
  readIndex(image, links, index, packs, new Float64Array(INDEX_POSITIONS), bytes, forms);
  const [manifest, digest, verity] = [canonical, described.digest, described.verity ?? ""].map(bytesOfHex);
  writePlaceHead(bytes, manifest, digest, verity, packs, count);
  // The index has been checked: so is what it places.
  const table = new PlaceTable(bytes, true);
  const chunks = Array.from(forms, (form, rank) => ({
    digest: hexOf(fsVerityData.at(rank).digest.toUint8Array()),
    size: table.at(rank).size,
    compressed: form === FORM_COMPRESSED,
  }));
  return { table, chunks };
}

/** Where the layers of chunks start in a canonical manifest: after its first layer, the metadata blob. Throws FormatError. */
export function chunkLayersStart(manifest: Uint8Array): number {
  return findRootfs(Bytes.of(manifest), manifestScratch()).end;
}

/** A pack, as a bundle records it. Digests are in hex. */
export interface PackRecord {
  readonly digest: string;
  readonly verity: string;
  /** Bytes. */
  readonly size: number;
}

/** Whether a blob that begins with these bytes is a place table. */
export function isPlaceTable(head: Uint8Array): boolean {
  return head.length >= PLACE_HEAD_BYTES && Bytes.of(head).u32(0) === PLACE_MAGIC;
}

/** Where the chunks of a packed image are. */
export class PlaceTable {
  readonly bytes: Uint8Array;
  readonly packs: readonly PackRecord[];
  /** sha256 of the canonical manifest, and of the metadata, hex. */
  readonly manifest: string;
  readonly metadata: string;
  readonly #table: Bytes;
  readonly #head: PlaceHead;

  /** Checks the whole table, unless it `isChecked`. Throws FormatError. */
  constructor(bytes: Uint8Array, isChecked = false) {
    this.bytes = bytes;
    const table = Bytes.of(bytes);
    const head = readPlaceHead(table, bytes.length);
    if (!isChecked) checkPlaces(table, head, new Float64Array(PLACE_SUMS));
    this.#table = table;
    this.#head = head;
    this.manifest = hexOf(placeManifest(table).toUint8Array());
    this.metadata = hexOf(placeMetadata(table).toUint8Array());
    this.packs = Array.from({ length: head.packs }, (_, pack) => ({
      digest: hexOf(placePackDigest(table, pack).toUint8Array()),
      verity: hexOf(placePackVerity(table, pack).toUint8Array()),
      size: placePackSize(table, pack),
    }));
  }

  get chunks(): number {
    return this.#head.chunks;
  }

  /** The position of the chunk that has `rank` chunks before it, by digest. */
  at(rank: number): Place {
    return readPlace(this.#table, this.#head.packs, rank);
  }

  /** The digest of that chunk, hex: a record begins with it. */
  digestAt(rank: number): string {
    const start = placeTableBytes(this.#head.packs, rank);
    return hexOf(this.bytes.subarray(start, start + DIGEST_BYTES));
  }

  /** Where the chunk with this digest, 64 hex digits, is. */
  find(digest: string): Place | undefined {
    return findPlace(this.#table, this.#head, bytesOfHex(digest));
  }
}

/** The index of a bundle: chunks in walk order, each with its pack, offset and size. */
export function encodeIndex(places: readonly Place[]): Uint8Array {
  const index = new Uint8Array(places.length * INDEX_CHUNK_BYTES);
  const packs = Uint32Array.from(places, ({ pack }) => pack);
  const offsets = Float64Array.from(places, ({ offset }) => offset);
  const sizes = Uint32Array.from(places, ({ size }) => size);
  const length = writeIndex(index, packs, offsets, sizes, places.length, new Float64Array(INDEX_POSITIONS));
  return index.subarray(0, length);
}
