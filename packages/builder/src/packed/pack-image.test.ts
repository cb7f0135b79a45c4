/** Images change between loose and packed, and stay what they are. */
import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fsVerityDigest, Layout } from "@puzzlefs/oci";
import { openImageAt } from "@puzzlefs/reader";
import { noise, prose, Random } from "@puzzlefs/testing";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import test from "ava";
import { build } from "../build.ts";
import type { BuildOptions } from "../options.ts";
import { blobsOf, dumpImage, dumpTree, makeTree, mixedTree } from "../tree-fixture.ts";
import { packImage } from "./pack-image.ts";
import { entriesOf, packsOf, problemsOf, stateOf } from "./packed-fixture.ts";
import { unpackImage } from "./unpack-image.ts";

const config = {
  bytes: Buffer.from('{ "architecture":"arm64", "os":"linux","config":{"Cmd":["/bin/true"]}}'),
  path: "config",
};

const kinds: Record<string, Partial<BuildOptions>> = {
  raw: {},
  zstd: { compress: true, config },
  "one stream of small frames": { compress: true, chunking: "stream", frameSize: 4096 },
};

for (const [kind, options] of Object.entries(kinds)) {
  test(`${kind}: a packed image shows the same tree, and unpacked it is what it was, byte for byte`, async (t) => {
    const ociDir = temporaryDirectory();
    const rootfs = mixedTree();
    const built = await build({ rootfs, ociDir, tag: "v1", ...options });
    const before = stateOf(ociDir);
    const packed = await packImage({ ociDir, tag: "v1" });
    t.is(packed.manifest, built.manifest);
    t.is(packed.manifestVerity, built.manifestVerity);
    t.deepEqual(blobsOf(ociDir).length, 5, "manifest, bundle, pack, configuration and bootstrap");
    t.deepEqual(dumpImage(ociDir, "v1"), dumpTree(rootfs));
    t.deepEqual(problemsOf(ociDir), []);
    {
      using tree = openImageAt(ociDir, built.manifest);
      t.is(tree.manifestDigest, built.manifest, "it is found by the canonical digest");
    }
    const again = await packImage({ ociDir, tag: "v1" });
    t.false(again.changed);

    await unpackImage({ ociDir, tag: "v1" });
    t.deepEqual(stateOf(ociDir), before);
    t.false((await unpackImage({ ociDir, tag: "v1" })).changed);
    await packImage({ ociDir, tag: "v1", independent: true });
    t.is(packsOf(ociDir, "v1").length, 1);
    t.is((await packImage({ ociDir, tag: "v1", independent: true })).packedManifest, packed.packedManifest);
  });
}

test("a new version keeps the packs that it needs, and adds what is new; independent packs do not depend on others", async (t) => {
  const ociDir = temporaryDirectory();
  const rootfs = makeTree({ a: noise("a", 900_000), b: prose("b", 300_000), c: noise("c", 20_000) });
  await build({ rootfs, ociDir, tag: "v1", compress: true });
  writeFileSync(join(rootfs, "c"), noise("other", 30_000));
  await build({ rootfs, ociDir, tag: "v2", compress: true });
  const loose = entriesOf(ociDir);
  await packImage({ ociDir, tag: "v1" });
  t.deepEqual(dumpImage(ociDir, "v2"), dumpTree(rootfs), "what v2 needs of v1 stays loose");
  const { keptPacks, packs, packedBytes } = await packImage({ ociDir, tag: "v2", base: "v1" });
  t.deepEqual([keptPacks, packs], [1, 2]);
  t.true(packedBytes < 40_000);
  t.deepEqual(packsOf(ociDir, "v2")[0], packsOf(ociDir, "v1")[0]);
  t.deepEqual(dumpImage(ociDir, "v2"), dumpTree(rootfs));
  t.deepEqual(problemsOf(ociDir), []);
  const alone = temporaryDirectory();
  await build({ rootfs, ociDir: alone, tag: "x", compress: true });
  const { packedManifest } = await packImage({ ociDir: alone, tag: "x" });
  t.is((await packImage({ ociDir, tag: "v2", independent: true })).packedManifest, packedManifest);
  // Found without being named.
  t.is((await packImage({ ociDir, tag: "v1", independent: true })).keptPacks, 0);
  await unpackImage({ ociDir, tag: "v2" });
  t.is((await packImage({ ociDir, tag: "v2" })).keptPacks, 1);
  for (const tag of ["v1", "v2"]) await unpackImage({ ociDir, tag });
  t.deepEqual(entriesOf(ociDir), loose);
  t.deepEqual(problemsOf(ociDir), []);
});

test("random trees and edits, packed, unpacked and mixed, stay what they are", async (t) => {
  const random = new Random();
  for (let round = 0; round < 4; round++) {
    const ociDir = temporaryDirectory();
    const rootfs = mixedTree();
    const sizes = readdirSync(join(rootfs, "sizes"));
    const trees = new Map<string, string[]>();
    const digests = new Map<string, string>();
    for (let version = 0; version < 6; version++) {
      const tag = `v${version}`;
      const name = join(rootfs, "sizes", random.pick(sizes));
      if (random.once(3)) rmSync(join(rootfs, "small", String(random.below(60))), { force: true });
      else appendFileSync(name, random.bytes(random.pick([1, 4000, 70_000])));
      const base = version > 0 && random.once(2) ? { base: `v${version - 1}` } : {};
      const form = random.once(3) ? { packed: true } : {};
      const { manifest } = await build({ rootfs, ociDir, tag, compress: random.once(2), ...base, ...form });
      trees.set(tag, dumpTree(rootfs));
      digests.set(tag, manifest);
      const other = `v${random.below(version + 1)}`;
      const next = random.pick(["pack", "unpack", "nothing"]);
      if (next === "pack") await packImage({ ociDir, tag: other, independent: random.once(3) });
      if (next === "unpack") await unpackImage({ ociDir, tag: other });
      for (const [seen, lines] of trees)
        t.deepEqual(dumpImage(ociDir, seen), lines, `${seen} after ${tag} of round ${round}`);
      t.deepEqual(problemsOf(ociDir), []);
    }
    for (const tag of trees.keys()) {
      await packImage({ ociDir, tag });
      t.is((await unpackImage({ ociDir, tag })).manifest, digests.get(tag) ?? "");
    }
    t.deepEqual(problemsOf(ociDir), []);
  }
});

test("built packed it is what build and pack make, and with a base nothing but what is new is added", async (t) => {
  const rootfs = mixedTree();
  const [ociDir, other] = [temporaryDirectory(), temporaryDirectory()];
  const built = await build({ rootfs, ociDir, tag: "v1", compress: true, packed: true, independent: true, config });
  const loose = await build({ rootfs, ociDir: other, tag: "v1", compress: true, config });
  t.is(built.manifest, loose.manifest);
  const packed = await packImage({ ociDir: other, tag: "v1", independent: true });
  t.is(built.packed?.manifest, packed.packedManifest);
  t.deepEqual(blobsOf(ociDir), blobsOf(other));
  appendFileSync(join(rootfs, "text"), "one line more");
  const next = await build({ rootfs, ociDir, tag: "v2", compress: true, packed: true, base: "v1" });
  t.is(next.packed?.keptPacks, 1);
  t.true(next.newBytes < 200_000, `${next.newBytes}`);
  t.deepEqual(dumpImage(ociDir, "v2"), dumpTree(rootfs));
  // A loose image on a packed base has all of its chunks.
  await build({ rootfs, ociDir, tag: "v3", compress: true, base: "v2" });
  t.deepEqual(dumpImage(ociDir, "v3"), dumpTree(rootfs));
  for (const tag of ["v1", "v2"]) rmSync(join(ociDir, "blobs/sha256", packsOf(ociDir, tag)[0] ?? ""), { force: true });
  t.deepEqual(problemsOf(ociDir, "v3"), []);
});

test("what cannot get another form is refused, and nothing changes", async (t) => {
  const ociDir = temporaryDirectory();
  const rootfs = makeTree({ a: noise("a", 90_000) });
  const { manifest } = await build({ rootfs, ociDir, tag: "v1" });
  await build({ rootfs, ociDir, tag: "v2" });
  const before = stateOf(ociDir);
  await t.throwsAsync(packImage({ ociDir, tag: manifest }), { message: /cannot get another form: it is not an entry/ });
  await t.throwsAsync(packImage({ ociDir, tag: "v1", base: "v2" }), { message: /"v2" is not packed: pack it first/ });
  await t.throwsAsync(packImage({ ociDir, tag: "none" }), { message: /no tag "none"/ });
  t.deepEqual(stateOf(ociDir), before);
  const chunk = blobsOf(ociDir).find((name) => readFileSync(join(ociDir, "blobs/sha256", name)).length > 16384);
  const path = join(ociDir, "blobs/sha256", chunk ?? "");
  const bytes = readFileSync(path);
  writeFileSync(path, Buffer.from(bytes).fill(0, 0, 1));
  await t.throwsAsync(packImage({ ociDir, tag: "v1" }), { message: /its content has sha256/ });
  writeFileSync(path, bytes);
  t.deepEqual(stateOf(ociDir), before);
  let checks = 0;
  const check = (): void => {
    if (++checks > 0) throw new Error("stop");
  };
  await t.throwsAsync(packImage({ ociDir, tag: "v1", check }), { message: "stop" });
  t.deepEqual(stateOf(ociDir), before);
});

test("the digest of either manifest opens a packed image, and another one does not", async (t) => {
  const ociDir = temporaryDirectory();
  const rootfs = makeTree({ a: noise("a", 90_000), b: "b" });
  await build({ rootfs, ociDir, tag: "v1" });
  const { manifestVerity, packedVerity, packedManifest } = await packImage({ ociDir, tag: "v1" });
  using tree = openImageAt(ociDir, "v1", { verity: manifestVerity });
  const content = Buffer.alloc(90_000);
  t.is(tree.read(2, 0, content), 90_000);
  t.deepEqual(content, Buffer.from(noise("a", 90_000)));
  using layout = Layout.open(ociDir);
  t.is(fsVerityDigest(layout.manifest("v1").bytes).toString("hex"), packedVerity);
  t.is(layout.manifest("v1").digest, packedManifest);
  // Without fs-verity on the file.
  t.throws(() => openImageAt(ociDir, "v1", { verity: packedVerity }), { message: /fs-verity/ });
  t.throws(() => openImageAt(ociDir, "v1", { verity: "0".repeat(64) }), {
    message: /fs-verity digest that is demanded/,
  });
  const [pack] = packsOf(ociDir, "v1");
  const path = join(ociDir, "blobs/sha256", pack ?? "");
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.fill(0, 100, 101));
  using again = openImageAt(ociDir, "v1", { verity: manifestVerity });
  t.throws(() => again.read(2, 0, content), { message: /does not have the sha256/ });
});
