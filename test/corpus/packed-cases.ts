/** Packed manifests, bundles and place tables that break a rule. */
import { encodeBundle, encodeRootfs } from "@puzzlefs/format";
import type { BundleValue, InodeValue, PackValue } from "@puzzlefs/format";
import type { CorpusCase } from "./corpus-case.ts";

/* The numbers and names of hostile images are their own, so that a wrong one in schema/ is noticed. */
const BUNDLE = "application/vnd.puzzlefs.image.rootfs.bundle.v1+zstd";
const CANONICAL = "io.puzzlefs.image.manifest";
const LARGEST = Number.MAX_SAFE_INTEGER;

const digestOf = (byte: number): Buffer => Buffer.alloc(32, byte);
const textOf = (byte: number): string => `sha256:${digestOf(byte).toString("hex")}`;

const bundleLayer = { mediaType: BUNDLE, digest: textOf(1), size: 1 };
const packedManifest = (layers: unknown[], annotations: object = { [CANONICAL]: textOf(2) }): string =>
  JSON.stringify({ schemaVersion: 2, layers, annotations });

function manifests(): Record<string, string> {
  return {
    "manifest-bundle-missing": packedManifest([{ ...bundleLayer, mediaType: "application/vnd.puzzlefs.pack.v1" }]),
    "manifest-bundle-twice": packedManifest([bundleLayer, bundleLayer]),
    "manifest-canonical-missing": packedManifest([bundleLayer], { config: textOf(2) }),
  };
}

/** Metadata of a root directory with a file; its runs are in the blobs that have these bytes as their digests. */
export function metadataOf(blobs: readonly number[], listed: readonly number[] = blobs): Uint8Array {
  const owner = { uid: 0, gid: 0, permissions: 0o755 };
  const file = blobs.map((byte) => ({ blob: { digest: digestOf(byte), offset: 0 }, len: 1 }));
  const inodes: InodeValue[] = [
    { ...owner, ino: 1, mode: { kind: "dir", dir: { entries: [{ ino: 2, name: Buffer.from("file") }] } } },
    { ...owner, ino: 2, mode: { kind: "file", file } },
  ];
  const fsVerityData = listed.map((byte) => ({ digest: digestOf(byte), verity: digestOf(byte + 1) }));
  return encodeRootfs({ metadatas: [{ inodes }], fsVerityData, manifestVersion: 3 });
}

export const packOf = (size: number): PackValue => ({ digest: digestOf(7), verity: digestOf(8), size });

/** A bundle of two chunks of 3 and 5 bytes in a pack of 8. */
export function bundleOf(changes: Partial<BundleValue> = {}): Uint8Array {
  return encodeBundle({
    metadata: metadataOf([4, 6]),
    manifest: Buffer.from("{}"),
    config: Buffer.from("{}"),
    index: Buffer.of(0, 0, 2, 3, 5),
    packs: [packOf(8)],
    ...changes,
  });
}

function bundles(): Record<string, Partial<BundleValue>> {
  return {
    "bundle-packs": { packs: Array.from({ length: 1001 }, () => packOf(8)) },
    "bundle-pack-sizes": { packs: [packOf(LARGEST), packOf(1)] },
    "bundle-verity-order": { metadata: metadataOf([4, 6], [6, 4]) },
    "bundle-chunk-unlisted": { metadata: metadataOf([4, 6], [4, 5]) },
    "index-truncated": { index: Buffer.of(0, 0, 2, 3) },
    "index-length": { index: Buffer.of(0, 0, 2, 3, 5, 0) },
    "index-number": { index: Buffer.of(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0) },
    "index-pack": { index: Buffer.of(2, 0, 2, 3, 5) },
    "index-run": { index: Buffer.of(0, 0, 0) },
    "index-chunk-size": { index: Buffer.of(0, 0, 2, 0, 5) },
    "index-outside-pack": { index: Buffer.of(0, 0, 2, 3, 6) },
    "index-overlap": { index: Buffer.of(0, 0, 1, 4, 1, 1, 1, 5) },
  };
}

/** A place table of one pack of 8 bytes and two chunks, as the fields of their records. */
function placeTable(
  chunks: readonly (readonly [digest: number, offset: number, size: number, pack: number])[],
  { magic = 0x70736670, packs = 1 } = {},
): Buffer {
  const head = Buffer.alloc(112);
  [magic, 1, packs, chunks.length].forEach((value, i) => head.writeUInt32LE(value, 4 * i));
  const pack = Buffer.concat([digestOf(7), digestOf(8), Buffer.of(8, 0, 0, 0, 0, 0, 0, 0)]);
  const records = chunks.map(([digest, offset, size, number]) => {
    const rest = Buffer.alloc(16);
    rest.writeBigUInt64LE(BigInt(offset), 0);
    rest.writeUInt32LE(size, 8);
    rest.writeUInt32LE(number, 12);
    return Buffer.concat([digestOf(digest), rest]);
  });
  return Buffer.concat([head, pack, ...records]);
}

const first = [4, 0, 3, 0] as const;
const second = [6, 3, 5, 0] as const;

function placeTables(): Record<string, Uint8Array> {
  return {
    "place-table-size": placeTable([first, second]).subarray(0, -1),
    "place-table-magic": placeTable([first, second], { magic: 0x70736671 }),
    "place-table-packs": placeTable([first, second], { packs: 1001 }),
    "place-table-order": placeTable([second, first]),
    "place-table-slice": placeTable([first, [6, 4, 5, 0]]),
    "place-table-overlap": placeTable([first, [6, 2, 6, 0]]),
  };
}

export function packedCases(): CorpusCase[] {
  const cases = (object: CorpusCase["object"], broken: Record<string, Uint8Array>): CorpusCase[] =>
    Object.entries(broken).map(([rule, bytes]) => ({ rule, object, bytes }));
  const made = <T>(values: Record<string, T>, make: (value: T) => Uint8Array): Record<string, Uint8Array> =>
    Object.fromEntries(Object.entries(values).map(([rule, value]) => [rule, make(value)]));
  return [
    ...cases("packed-manifest", made(manifests(), Buffer.from)),
    ...cases("bundle", made(bundles(), bundleOf)),
    { rule: "bundle-too-large", object: "bundle", bytes: bundleOf(), size: 2 ** 30 + 8 },
    ...cases("place-table", placeTables()),
    { rule: "place-table-too-large", object: "place-table", bytes: placeTable([first, second]), size: 2 ** 29 + 1 },
  ];
}
