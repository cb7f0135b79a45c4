/** canonicalize() makes the bytes that build() makes of the same tree, whatever the image is made of. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

import { encodeRootfs, findInode, ZERO_BLOB_DIGEST } from "@puzzlefs/format";
import { assembleManifest, fsVerityDigest, Layout, LayoutError, Transaction, type Platform } from "@puzzlefs/oci";
import { extract, IntegrityError, openImageAt } from "@puzzlefs/reader";
import { noise, Random, rounds, runSeed } from "@puzzlefs/testing";
import { RandomTree } from "@puzzlefs/testing/random-tree";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import test from "ava";

import { build } from "./build.ts";
import { canonicalize } from "./canonicalize.ts";
import { dumpImage, makeTree, mixedTree } from "./tree-fixture.ts";
import type { BuildOptions } from "./options.ts";
import { zeroBlob } from "./zero-blob.ts";

const cache = process.env["PUZZLEFS_CACHE"] ?? join(homedir(), ".cache/puzzlefs");
const rustTool = join(cache, "rust/bin/puzzlefs");
const withRust = existsSync(rustTool) ? test.serial : test.serial.skip;

const elsewhere = (): string => join(temporaryDirectory(), "oci");

/** The digest of a fresh image of a directory. */
async function freshDigest(rootfs: string, options: Partial<BuildOptions>): Promise<string> {
  return (await build({ rootfs, ociDir: elsewhere(), tag: "fresh", ...options })).manifest;
}

const ways: Partial<BuildOptions>[] = [
  {},
  { compress: true },
  { chunking: "stream" },
  { compress: true, chunking: "stream", frameSize: 4096 },
  { compress: true, level: 9 },
  { chunkSizes: { min: 4096, avg: 16384, max: 65536 } },
];

for (let round = 0; round < rounds(6); round++) {
  const seed = runSeed + round;
  test.serial(`random changes through layers, seed ${seed}`, async (t) => {
    const random = new Random(seed);
    const rootfs = makeTree({});
    const tree = new RandomTree(rootfs, random);
    const ociDir = elsewhere();
    tree.fill(60);
    const mtime = { kind: "keep" } as const;
    await build({ rootfs, ociDir, tag: "0", mtime, ...random.pick(ways) });
    const log: string[] = [];
    let last: Partial<BuildOptions> = {};
    for (let version = 1; version <= 3; version++) {
      for (let count = 0; count < 12; count++) log.push(tree.change());
      last = random.pick(ways);
      await build({ rootfs, ociDir, tag: `${version}`, base: `${version - 1}`, mtime, ...last });
    }
    const before = dumpImage(ociDir, "3", true);
    const out = join(temporaryDirectory(), "out");
    {
      using image = openImageAt(ociDir, "3");
      extract(image, out, {});
    }
    // An image that is cut as one stream has zeros instead of holes. Extracting it makes holes.
    const dense = join(temporaryDirectory(), "dense");
    execFileSync("cp", ["-a", "--sparse=never", out, dense]);
    const trees = last.chunking === "stream" ? [dense] : [out, rootfs];
    for (const options of [{ compress: true }, { compress: false }, random.pick(ways)]) {
      const made = await canonicalize({ from: ociDir, reference: "3", ociDir, tag: "canonical", ...options });
      // What the image shows is compression; only some of these name it.
      const { compress = isCompressed(ociDir, "3") } = options as Partial<BuildOptions>;
      for (const source of trees)
        t.is(
          made.manifest,
          await freshDigest(source, { mtime, ...options, compress }),
          `${JSON.stringify({ last, options })} ${trees.indexOf(source)}\n${log.join("\n")}`,
        );
    }
    t.deepEqual(dumpImage(ociDir, "canonical", true), before);
    const inPlace = await canonicalize({ from: ociDir, reference: "3", ociDir, tag: "3", compress: true });
    t.is(inPlace.manifest, await freshDigest(trees[0] ?? "", { mtime, compress: true }), "in its own tag");
    using layout = Layout.open(ociDir);
    t.is(layout.manifest("3").digest, inPlace.manifest);
  });
}

/** Whether an image has a compressed chunk. */
function isCompressed(ociDir: string, tag: string): boolean {
  using layout = Layout.open(ociDir);
  const { layers } = JSON.parse(layout.manifest(tag).bytes.toString()) as { layers: Record<string, string>[] };
  const zeros = Buffer.from(ZERO_BLOB_DIGEST.toUint8Array()).toString("hex");
  return layers.some(({ mediaType, digest }) => mediaType?.endsWith("+zstd") && digest !== `sha256:${zeros}`);
}

for (const options of [[], ["-c"]]) {
  withRust(`an image of the Rust tool, and a delta on it ${options.join()}`, async (t) => {
    const rootfs = mixedTree();
    const ociDir = temporaryDirectory();
    const rust = (tag: string, ...more: string[]): unknown =>
      execFileSync(rustTool, ["build", ...options, ...more, rootfs, `${ociDir}:${tag}`], { stdio: "ignore" });
    rust("v1");
    writeFileSync(join(rootfs, "small/7"), "changed");
    writeFileSync(join(rootfs, "small/new"), noise("new", 30_000));
    rust("v2", "-b", "v1");
    const made = await canonicalize({ from: ociDir, reference: "v2", ociDir, tag: "v2" });
    t.is(made.manifest, await freshDigest(rootfs, { compress: options.length > 0 }));
  });
}

test.serial("configuration, platform and labels are kept; the tag of another platform stays", async (t) => {
  const rootfs = makeTree({ a: noise("a", 20_000) });
  const ociDir = elsewhere();
  const platform: Platform = { architecture: "riscv64", os: "linux" };
  const bytes = Buffer.from('{"architecture":"riscv64","os":"linux","config":{"Env":["A=B"]}}');
  await build({ rootfs, ociDir, tag: "v1" });
  const first = await build({ rootfs, ociDir, tag: "v1", chunking: "stream", config: { bytes, path: "" } });
  const choice = { platform };
  const made = await canonicalize({ from: ociDir, reference: "v1", choice, ociDir, tag: "v1" });
  t.not(made.manifest, first.manifest === made.manifest ? "" : first.metadata);
  t.is(made.manifest, await freshDigest(rootfs, { config: { bytes, path: "" } }));
  using layout = Layout.open(ociDir);
  t.is(layout.manifest("v1", choice).digest, made.manifest);
  t.is([...layout.index().entries()].length, 2);
  t.deepEqual(layout.platformOf("v1", choice), platform);
});

test.serial("a damaged chunk is not taken over, and the layout stays as it was", async (t) => {
  const rootfs = makeTree({ a: noise("a", 50_000) });
  const ociDir = elsewhere();
  await build({ rootfs, ociDir, tag: "v1", chunking: "stream" });
  using layout = Layout.open(ociDir);
  const before = readFileSync(join(ociDir, "index.json"));
  const hex = layout.blobs.list().find((digest) => (layout.blobs.size(digest) ?? 0) > 20_000) ?? "";
  const bytes = readFileSync(layout.blobs.pathOf(hex));
  bytes[100] ^= 1;
  writeFileSync(layout.blobs.pathOf(hex), bytes);
  const names = readdirSync(ociDir);
  await t.throwsAsync(canonicalize({ from: ociDir, reference: "v1", ociDir, tag: "v1" }), {
    instanceOf: IntegrityError,
    message: new RegExp(hex),
  });
  t.true(readFileSync(join(ociDir, "index.json")).equals(before));
  t.deepEqual(readdirSync(ociDir), names);
  await t.throwsAsync(canonicalize({ from: ociDir, reference: "none", ociDir, tag: "v1" }), {
    instanceOf: LayoutError,
  });
});

test.serial("holes at any offset become those of a build, and runs in pieces are joined", async (t) => {
  const rootfs = makeTree({ a: noise("a", 16_384) });
  const ociDir = elsewhere();
  await build({ rootfs, ociDir, tag: "v1" });
  using layout = Layout.open(ociDir);
  const { image } = openImageAt(ociDir, "v1").metadata;
  const [run] = [...findInode(image, 2)!.mode.file];
  const [digest, zeros] = [run.blob.digest.toUint8Array(), ZERO_BLOB_DIGEST.toUint8Array()];
  const data = (offset: number, len: number) => ({ blob: { digest, offset }, len });
  const hole = (offset: number, len: number) => ({ blob: { digest: zeros, offset, compressed: true }, len });
  // 16384 bytes of data, of which some is in a second piece, then a hole to the middle of a block, data, and a hole to the end.
  const file = [data(0, 5000), data(5000, 11_384), hole(7, 200_000), data(0, 16_384), hole(0, 65_000), hole(0, 9_999)];
  const transaction = Transaction.begin(layout);
  const fsVerityData = [digest, zeros].sort(Buffer.compare).map((each) => {
    const bytes = each === zeros ? zeroBlob() : noise("a", 16_384);
    return { digest: each, verity: fsVerityDigest(bytes) };
  });
  const metadata = encodeRootfs({
    metadatas: [
      {
        inodes: [
          {
            ino: 1,
            mode: { kind: "dir", dir: { entries: [{ name: Buffer.from("a"), ino: 2 }] } },
            uid: 0,
            gid: 0,
            permissions: 0o755,
          },
          { ino: 2, mode: { kind: "file", file }, uid: 0, gid: 0, permissions: 0o644 },
        ],
      },
    ],
    fsVerityData,
    manifestVersion: 3,
  });
  const [staged, zero] = [transaction.writeBlob(metadata), transaction.writeBlob(zeroBlob())];
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
  const chunks = [
    { digest: hex(digest), size: 16_384, compressed: false },
    { digest: hex(zeros), size: zeroBlob().length, compressed: true },
  ];
  const verity = fsVerityDigest(metadata).toString("hex");
  const manifest = assembleManifest({ digest: staged.digest, size: metadata.length, verity }, chunks);
  transaction.commit({ tag: "odd", manifest, blobs: [staged, zero] });

  const out = join(temporaryDirectory(), "out");
  {
    using odd = openImageAt(ociDir, "odd");
    extract(odd, out, {});
  }
  const made = await canonicalize({ from: ociDir, reference: "odd", ociDir, tag: "made" });
  t.is(made.manifest, await freshDigest(out, {}));
  using tree = openImageAt(ociDir, "made");
  t.deepEqual(tree.extent(2, 65_536), { hole: true, end: 196_608 });
});
