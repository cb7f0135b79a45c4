/** What the generated TypeScript makes of objects of packed images; packed.c prints the same with the generated C. */
import { checkBundleSize, openBundle } from "../../packages/format/src/generated/bundle.ts";
import {
  INDEX_CHUNK_BYTES,
  INDEX_POSITIONS,
  readIndex,
  writeIndex,
} from "../../packages/format/src/generated/chunkindex.ts";
import { DIGEST_BYTES } from "../../packages/format/src/generated/digest.ts";
import { countRecords } from "../../packages/format/src/generated/layers.ts";
import { findBundle, findCanonical } from "../../packages/format/src/generated/manifest.ts";
import {
  checkPlaces,
  findPlace,
  PLACE_SUMS,
  placeManifest,
  placeMetadata,
  placeMetadataVerity,
  placePackDigest,
  placePackSize,
  placePackVerity,
  placeTableBytes,
  readPlace,
  readPlaceHead,
  writePlaceHead,
} from "../../packages/format/src/generated/places.ts";
import { checkEncoding, validate } from "../../packages/format/src/generated/validate.ts";
import { MAX_SEGMENTS, openMessage } from "../../packages/format/src/generated/wire.ts";
import type { Bundle } from "../../packages/format/src/generated/metadata.ts";
import { manifestScratch } from "../../packages/format/src/open.ts";
import { Bytes } from "../../packages/format/src/runtime.ts";
import { Dumper } from "./dump.ts";
import { readStructs } from "./spec.ts";

const dumper = new Dumper(await readStructs());
/** Of a bundle, this much is printed. */
const PRINTED = { elements: 2048, bytes: 65536 };

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const messageOf = (bytes: Bytes): ReturnType<typeof openMessage> =>
  openMessage(bytes, new Uint32Array(MAX_SEGMENTS + 1));

/* All throw FormatError. */

export function packedManifestText(json: Bytes): string {
  const scratch = manifestScratch();
  const { end, hasVerity, size } = findBundle(json, scratch);
  findCanonical(json, scratch);
  const digests = [scratch.digest, scratch.verity, scratch.layer.subarray(0, DIGEST_BYTES)].map(hexOf);
  return `accepted\n${end} ${Number(hasVerity)} ${size} ${digests.join(" ")}\n`;
}

export function placeTableText(table: Bytes): string {
  const head = readPlaceHead(table, table.length);
  checkPlaces(table, head, new Float64Array(PLACE_SUMS));
  const { packs, chunks } = head;
  const own = [placeManifest, placeMetadata, placeMetadataVerity].map((digestOf) =>
    hexOf(digestOf(table).toUint8Array()),
  );
  const lines = [`accepted\n${packs} ${chunks} ${own.join(" ")}\n`];
  for (let pack = 0; pack < packs; pack++) {
    const digests = [placePackDigest(table, pack), placePackVerity(table, pack)].map((one) =>
      hexOf(one.toUint8Array()),
    );
    lines.push(`${digests.join(" ")} ${placePackSize(table, pack)}\n`);
  }
  for (let rank = 0; rank < chunks; rank++) {
    const at = placeTableBytes(packs, rank);
    const digest = table.slice(at, at + DIGEST_BYTES);
    const place = findPlace(table, head, digest);
    const other = findPlace(table, head, table.slice(at + 1, at + 1 + DIGEST_BYTES));
    const found = place === undefined ? "" : ` ${place.pack} ${place.offset} ${place.size}`;
    lines.push(`${hexOf(digest.toUint8Array())}${found}${other === undefined ? "" : ` ${other.pack}`}\n`);
  }
  return lines.join("");
}

function indexText(table: Bytes, packs: number, chunks: number): string {
  const places = Array.from({ length: chunks }, (_, rank) => readPlace(table, packs, rank));
  const index = new Uint8Array(chunks * INDEX_CHUNK_BYTES);
  const length = writeIndex(
    index,
    Uint32Array.from(places, ({ pack }) => pack),
    Float64Array.from(places, ({ offset }) => offset),
    Uint32Array.from(places, ({ size }) => size),
    chunks,
    new Float64Array(INDEX_POSITIONS),
  );
  return `index ${hexOf(index.subarray(0, length))}\n`;
}

/** A bundle that is good but for its metadata and its index. */
function contentText({ metadata, manifest, index, packs }: Bundle): string {
  const image = checkEncoding(messageOf(metadata), new Float64Array(1));
  const records = countRecords(image);
  const links = new Uint32Array(records);
  validate(image, links, new Float64Array(records), new Float64Array(records));
  const chunks = image.fsVerityData.length;
  const bytes = new Uint8Array(placeTableBytes(packs.length, chunks));
  const forms = new Uint8Array(chunks);
  readIndex(image, links, index, packs, new Float64Array(INDEX_POSITIONS), bytes, forms);
  const part = (start: number): Bytes => manifest.slice(start, start + DIGEST_BYTES);
  writePlaceHead(bytes, part(0), part(1), part(2), packs, chunks);
  const table = Bytes.of(bytes);
  const written = indexText(table, packs.length, chunks);
  return `accepted\n${hexOf(bytes)}\n${hexOf(forms)}\n${written}${placeTableText(table)}`;
}

/** `content` is decompressed. `judged` returns a text, or the refusal of the rule that was found broken on the way. */
export function bundleText(content: Bytes, judged: (work: () => string) => string): string {
  checkBundleSize(0, content.length);
  const bundle = openBundle(messageOf(content), new Float64Array(1));
  return `${judged(() => contentText(bundle))}${dumper.dump(bundle, "Bundle", PRINTED)}\n`;
}
