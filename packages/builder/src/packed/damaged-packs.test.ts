/** Packed images with damage of which every digest is right, and packs that are not what the bundle records. */
import { hash } from "node:crypto";
import { appendFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BundleValue, encodeBundle, openBundle, type PlacedChunk, readPackedManifest } from "@puzzlefs/format";
import { Layout, PackedBlobs } from "@puzzlefs/oci";
import { openImageAt, type PackedForm, readHeader } from "@puzzlefs/reader";
import { noise } from "@puzzlefs/testing";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import test, { type ExecutionContext } from "ava";
import zstd from "zstd-napi";
import { build } from "../build.ts";
import { dumpImage, makeTree } from "../tree-fixture.ts";
import { packImage } from "./pack-image.ts";
import { packsOf, problemsOf } from "./packed-fixture.ts";

const content = Buffer.from(noise("a", 200_000));

/** A layout with a packed image `v1` of one file. */
async function packedLayout(): Promise<string> {
  const ociDir = temporaryDirectory();
  await build({ rootfs: makeTree({ a: content }), ociDir, tag: "v1" });
  await packImage({ ociDir, tag: "v1" });
  return ociDir;
}

function store(ociDir: string, bytes: Uint8Array): { digest: string; size: number } {
  const digest = hash("sha256", bytes);
  writeFileSync(join(ociDir, "blobs/sha256", digest), bytes);
  return { digest: `sha256:${digest}`, size: bytes.length };
}

interface Manifest {
  layers: { mediaType: string; digest: string; size: number }[];
  annotations: Record<string, string>;
}

/** Replaces the packed manifest of `v1` by a changed one. */
function forgeManifest(ociDir: string, change: (manifest: Manifest) => void): void {
  using layout = Layout.open(ociDir);
  const manifest = JSON.parse(layout.manifest("v1").bytes.toString("utf8")) as Manifest;
  change(manifest);
  const path = join(ociDir, "index.json");
  const index = JSON.parse(readFileSync(path, "utf8")) as { manifests: object[] };
  Object.assign(index.manifests[0] ?? {}, store(ociDir, Buffer.from(JSON.stringify(manifest))));
  writeFileSync(path, JSON.stringify(index));
}

/** Replaces the bundle by one of other bytes, in all documents. */
function forgeStored(ociDir: string, stored: Uint8Array): void {
  forgeManifest(ociDir, ({ layers }) => Object.assign(layers[0] ?? {}, store(ociDir, stored), { annotations: {} }));
}

function forgeBundle(ociDir: string, change: (bundle: BundleValue) => void): void {
  using layout = Layout.open(ociDir);
  const { bytes } = layout.manifest("v1");
  const stored = layout.blobs.read(readPackedManifest(bytes).bundle.digest, 2 ** 26);
  const { metadata, manifest, config, index, packs } = openBundle(zstd.decompress(stored), bytes);
  const value: BundleValue = {
    metadata: metadata.toUint8Array(),
    manifest: manifest.toUint8Array(),
    config: config.toUint8Array(),
    index: index.toUint8Array(),
    packs: Array.from(packs, ({ digest, verity, size }) => ({
      digest: digest.toUint8Array(),
      verity: verity.toUint8Array(),
      size,
    })),
  };
  change(value);
  forgeStored(ociDir, zstd.compress(encodeBundle(value)));
}

/** Every reader refuses it, verify too, and says why. */
function refused(t: ExecutionContext, ociDir: string, message: RegExp): void {
  t.throws(() => openImageAt(ociDir, "v1"), { message });
  t.regex(problemsOf(ociDir, "v1").join("\n"), message);
}

const forgeries: Record<string, { forge: (ociDir: string) => void; message: RegExp }> = {
  "the annotation names another manifest": {
    forge: (ociDir) =>
      forgeManifest(ociDir, (manifest) => {
        manifest.annotations["io.puzzlefs.image.manifest"] = `sha256:${"0".repeat(64)}`;
      }),
    message: /manifest sha256:0{64} does not have the sha256 it is named by \(rebuilt from bundle/,
  },
  "the annotation is missing": {
    forge: (ociDir) => forgeManifest(ociDir, (manifest) => void (manifest.annotations = {})),
    message: /manifest-canonical-missing/,
  },
  "the manifest lists other packs": {
    forge: (ociDir) =>
      forgeManifest(ociDir, ({ layers }) => Object.assign(layers[1] ?? {}, store(ociDir, Buffer.alloc(9)))),
    message: /bundle-pack-descriptor/,
  },
  "the manifest lists no packs": {
    forge: (ociDir) => forgeManifest(ociDir, ({ layers }) => void layers.splice(1, 1)),
    message: /bundle-pack-descriptor/,
  },
  "a slice outside of its pack": {
    forge: (ociDir) => forgeBundle(ociDir, (bundle) => void (bundle.index = Buffer.of(0, 0x80, 0x80, 0x7f, 1, 1))),
    message: /index-outside-pack/,
  },
  "an index that is too short": {
    forge: (ociDir) =>
      forgeBundle(ociDir, (bundle) => void (bundle.index = Buffer.from(bundle.index ?? []).subarray(0, -1))),
    message: /index-truncated/,
  },
  "other metadata": {
    forge: (ociDir) =>
      forgeBundle(ociDir, (bundle) => void (bundle.metadata = Buffer.from(bundle.metadata ?? []).fill(0))),
    message: /message-truncated|root-missing|message-trailing-bytes/,
  },
  "a chunk that the canonical manifest has with another size": {
    forge: (ociDir) =>
      forgeBundle(ociDir, (bundle) => {
        const index = Buffer.from(bundle.index ?? []);
        index.writeUInt8(index.readUInt8(index.length - 3) ^ 1, index.length - 3);
        bundle.index = index;
      }),
    message: /does not have the sha256 it is named by|index-/,
  },
  "no bundle": {
    forge: (ociDir) =>
      forgeManifest(ociDir, ({ layers }) => rmSync(join(ociDir, "blobs/sha256", (layers[0]?.digest ?? "").slice(7)))),
    message: /bundle sha256:[0-9a-f]{64} is missing/,
  },
  "a bomb: a small frame of more than a GiB": {
    forge: (ociDir) => forgeStored(ociDir, bomb(2 ** 30 + 1)),
    message: /bundle-too-large/,
  },
  "a frame that has less than it claims": {
    forge: (ociDir) => {
      const frame = zstd.compress(Buffer.alloc(100_000));
      // A single segment, with four bytes of size.
      frame.writeUInt32LE(frame.readUInt32LE(5) + 1, 5);
      forgeStored(ociDir, frame);
    },
    message: /zstd frame/,
  },
  "no zstd at all": { forge: (ociDir) => forgeStored(ociDir, Buffer.from("nothing")), message: /zstd frame/ },
};

/** The header of a frame that claims `size` bytes, with one block of zeros. */
function bomb(size: number): Buffer {
  const header = Buffer.from("28b52ffde00000000000000000030000", "hex");
  header.writeBigUInt64LE(BigInt(size), 5);
  return header;
}

for (const [name, { forge, message }] of Object.entries(forgeries)) {
  test(`refused: ${name}`, async (t) => {
    const ociDir = await packedLayout();
    forge(ociDir);
    refused(t, ociDir, message);
  });
}

const damages: Record<string, { damage: (path: string) => void; message: RegExp }> = {
  "cut short": { damage: (path) => truncateSync(path, 100_000), message: /a pack of 100000 bytes instead of/ },
  "grown longer": { damage: (path) => appendFileSync(path, "x"), message: /a pack of \d+ bytes instead of/ },
  missing: { damage: (path) => rmSync(path), message: /is missing from the store \(pack sha256:/ },
};

for (const [name, { damage, message }] of Object.entries(damages)) {
  test(`a pack that is ${name} is reported by the read that needs it, and by verify once`, async (t) => {
    const ociDir = await packedLayout();
    const [pack = ""] = packsOf(ociDir, "v1");
    damage(join(ociDir, "blobs/sha256", pack));
    using tree = openImageAt(ociDir, "v1");
    t.throws(() => tree.read(2, 0, Buffer.alloc(1000)), { message });
    const problems = problemsOf(ociDir, "v1");
    t.true(problems.some((problem) => problem.includes(pack)));
    t.true(problems.length <= 2, problems.join("\n"));
  });
}

test("a byte of a pack is changed: reads that verify fail, and verify names the chunk", async (t) => {
  const ociDir = await packedLayout();
  const [pack = ""] = packsOf(ociDir, "v1");
  const path = join(ociDir, "blobs/sha256", pack);
  const bytes = readFileSync(path);
  bytes[10] ^= 1;
  writeFileSync(path, bytes);
  t.throws(() => dumpImage(ociDir, "v1"), { message: /does not have the sha256/ });
  const problems = problemsOf(ociDir);
  t.is(problems.length, 2, "the pack, and one chunk");
  t.true(problems.some((problem) => problem.includes(pack)));
});

test("chunks of a missing pack that are also loose are read there", async (t) => {
  const ociDir = await packedLayout();
  const expected = dumpImage(ociDir, "v1");
  const other = temporaryDirectory();
  await build({ rootfs: makeTree({ a: content }), ociDir: other, tag: "v1" });
  using layout = Layout.open(other);
  for (const digest of layout.blobs.list()) store(ociDir, layout.blobs.read(digest, 2 ** 26));
  for (const pack of packsOf(ociDir, "v1")) rmSync(join(ociDir, "blobs/sha256", pack));
  t.deepEqual(dumpImage(ociDir, "v1"), expected);
});

test("chunks of a missing pack are not read elsewhere if packs must be checked", async (t) => {
  const ociDir = await packedLayout();
  using layout = Layout.open(ociDir);
  const { packed, blobs } = readHeader(layout, "v1");
  blobs.close();
  const { table, chunks } = packed as PackedForm;
  const [{ digest }] = chunks as [PlacedChunk];
  for (const { digest: pack } of packed?.packs ?? []) rmSync(join(ociDir, "blobs/sha256", pack));
  writeFileSync(join(ociDir, "blobs/sha256", digest), "other bytes");
  using unchecked = new PackedBlobs(layout.blobs, table, new Map());
  t.is(unchecked.open(digest).size, 11);
  using checked = new PackedBlobs(layout.blobs, table, new Map(), () => {});
  t.throws(() => checked.open(digest), { message: /no such blob/ });
});
