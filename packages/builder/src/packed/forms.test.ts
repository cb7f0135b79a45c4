/**
 * Whatever makes an image (build, with a base or a file cache, canonicalize, commit, convert), and whatever forms are in the layout: it is
 * the image that a fresh build of its tree makes, in the form that was asked for, and other images stay what they are.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Layout } from "@puzzlefs/oci";
import { noise, prose, Random, rounds, runSeed } from "@puzzlefs/testing";
import { RandomTree } from "@puzzlefs/testing/random-tree";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import test, { type ExecutionContext } from "ava";
import { build } from "../build.ts";
import { canonicalize } from "../canonicalize.ts";
import { SeekableCompressor } from "../seekable.ts";
import type { BuildOptions, BuildResult } from "../options.ts";
import { dumpImage, dumpTree, makeTree } from "../tree-fixture.ts";
import { packImage } from "./pack-image.ts";
import { packsOf, problemsOf } from "./packed-fixture.ts";
import { unpackImage } from "./unpack-image.ts";

/** Bytes that were compressed by this thread. */
let compressed = 0;
const original = SeekableCompressor.prototype.compress;
SeekableCompressor.prototype.compress = function (bytes) {
  compressed += bytes.length;
  return original.call(this, bytes);
};

const LATER_MILLISECONDS = 10_000;
const now = Date.now.bind(Date);
/** Builds in this thread, as if some time had passed since the last change. */
async function later(options: BuildOptions): Promise<BuildResult & { compressed: number }> {
  Date.now = () => now() + LATER_MILLISECONDS;
  compressed = 0;
  try {
    const result = await build({ jobs: 1, ...options });
    return { ...result, compressed };
  } finally {
    Date.now = now;
  }
}

function formOf(ociDir: string, tag: string): "packed" | "loose" {
  return packsOf(ociDir, tag).length > 0 ? "packed" : "loose";
}

const tree = (): string =>
  makeTree({ a: prose("a", 300_000), "b/c": noise("c", 200_000), "b/d": prose("d", 100), "b/e": prose("e", 3000) });

for (const fileCache of [false, true])
  test.serial(
    `a packed image is built again: what its packs have is not compressed (file cache: ${fileCache})`,
    async (t) => {
      const [rootfs, ociDir] = [tree(), temporaryDirectory()];
      const options = { rootfs, ociDir, compress: true, packed: true, fileCache };
      const first = await later({ ...options, tag: "v1" });
      t.is(first.compressed, 503_100);
      const again = await later({ ...options, tag: "v1" });
      t.deepEqual([again.compressed, again.manifest, again.newBytes], [0, first.manifest, 0]);
      t.is(again.packed?.manifest, first.packed?.manifest);
      writeFileSync(join(rootfs, "b/new"), noise("new", 20_000));
      const second = await later({ ...options, tag: "v2" });
      t.is(second.compressed, 20_000);
      t.is(second.packed?.keptPacks, 1);
      t.true(second.newBytes < 21_000);
      // With packs that are independent, the chunks are copied but not compressed.
      const third = await later({ ...options, tag: "v3", independent: true });
      t.deepEqual([third.compressed, third.manifest, third.packed?.keptPacks], [0, second.manifest, 0]);
      // A loose image takes them out of the packs.
      const loose = await later({ ...options, tag: "v4", packed: false });
      t.is(loose.manifest, second.manifest);
      const fresh = await build({ rootfs, ociDir: temporaryDirectory(), tag: "fresh", compress: true });
      t.is(second.manifest, fresh.manifest);
      t.deepEqual(problemsOf(ociDir), []);
    },
  );

test.serial("two trees take turns in one layout, and neither is compressed again", async (t) => {
  const ociDir = temporaryDirectory();
  const trees = { one: tree(), other: makeTree({ x: prose("x", 400_000), y: noise("y", 90_000) }) };
  const found: number[] = [];
  for (let version = 0; version < 3; version++)
    for (const [tag, rootfs] of Object.entries(trees)) {
      writeFileSync(join(rootfs, "new"), noise(`${tag} ${version}`, 20_000));
      found.push((await later({ rootfs, ociDir, tag, compress: true, packed: true })).compressed);
    }
  t.deepEqual(found, [523_100, 510_000, 20_000, 20_000, 20_000, 20_000]);
});

test.serial("with --verify packs are read, and damaged ones are not kept but replaced", async (t) => {
  const [rootfs, ociDir] = [tree(), temporaryDirectory()];
  const options = { rootfs, ociDir, compress: true, packed: true };
  const first = await later({ ...options, tag: "v1" });
  const [pack = ""] = packsOf(ociDir, "v1");
  const path = join(ociDir, "blobs/sha256", pack);
  const bytes = readFileSync(path);
  writeFileSync(path, Buffer.from(bytes).fill(0, 100, 200));
  const kept = await later({ ...options, tag: "v2" });
  t.deepEqual([kept.compressed, kept.packed?.keptPacks], [0, 1]);
  t.not(problemsOf(ociDir, "v2").length, 0);
  const verified = await later({ ...options, tag: "v3", verify: true });
  t.deepEqual([verified.manifest, verified.packed?.keptPacks], [first.manifest, 0]);
  t.true(readFileSync(path).equals(bytes), "the pack has its name and its bytes again");
  t.deepEqual(problemsOf(ociDir), []);
});

test.serial("canonicalize keeps the form of the image, and makes the other on demand", async (t) => {
  const [rootfs, ociDir] = [tree(), temporaryDirectory()];
  const fresh = await build({ rootfs, ociDir: temporaryDirectory(), tag: "fresh", compress: true });
  for (const packed of [false, true]) {
    const tag = packed ? "packed" : "loose";
    await build({ rootfs, ociDir, tag, compress: true, packed, chunking: "stream" });
    const made = await canonicalize({ from: ociDir, reference: tag, ociDir, tag });
    t.is(formOf(ociDir, tag), tag);
    t.is(made.manifest, fresh.manifest);
    const other = await canonicalize({ from: ociDir, reference: tag, ociDir, tag: "other", packed: !packed });
    t.is(formOf(ociDir, "other"), packed ? "loose" : "packed");
    t.is(other.manifest, fresh.manifest);
  }
  t.deepEqual(problemsOf(ociDir), []);
});

/** What the images of a layout show, and what they are. */
interface Known {
  lines: string[];
  manifest: string;
}

function assertAll(t: ExecutionContext, ociDir: string, images: ReadonlyMap<string, Known>, log: string): void {
  using layout = Layout.open(ociDir);
  for (const [tag, { lines, manifest }] of images) {
    t.deepEqual(dumpImage(ociDir, tag), lines, `${tag}\n${log}`);
    t.is(layout.images().find((image) => image.tag === tag)?.canonical ?? layout.manifest(tag).digest, manifest, log);
  }
  t.deepEqual(problemsOf(ociDir), [], log);
}

for (let round = 0; round < rounds(6); round++) {
  const seed = runSeed + round;
  test.serial(`random edits, builders and forms in one layout, seed ${seed}`, async (t) => {
    const random = new Random(seed);
    const [rootfs, ociDir] = [makeTree({}), temporaryDirectory()];
    const changing = new RandomTree(rootfs, random);
    changing.fill(50);
    const compress = random.once(2);
    const images = new Map<string, Known>();
    const log: string[] = [];
    for (let version = 0; version < 7; version++) {
      const tag = `v${version}`;
      const packed = random.once(2);
      const independent = packed && random.once(4);
      const lines = dumpTree(rootfs);
      const previous = `v${version - 1}`;
      const how =
        version === 0 ? "build" : random.pick(["build", "cache", "base", "base, canonicalize", "canonicalize"]);
      const form = { packed, independent };
      const way = { rootfs, ociDir, tag, compress };
      log.push(`${tag}: ${how} ${JSON.stringify(form)}`);
      let made: BuildResult;
      if (how === "build") made = await later({ ...way, ...form });
      else if (how === "cache") made = await later({ ...way, ...form, fileCache: true });
      else if (how === "canonicalize") {
        await later({ ...way, packed: random.once(2), chunking: "stream" });
        made = await canonicalize({ from: ociDir, reference: tag, ociDir, tag, ...form, compress });
      } else {
        made = await later({ ...way, packed, base: previous });
        if (how !== "base") made = await canonicalize({ from: ociDir, reference: tag, ociDir, tag, ...form, compress });
      }
      t.is(formOf(ociDir, tag), packed && made.chunks > 0 ? "packed" : "loose");
      if (how !== "base") {
        // A stream has zeros where the tree has holes, and so has what is made of it.
        const dense = how === "canonicalize" ? denseCopy(rootfs) : rootfs;
        const fresh = await build({ rootfs: dense, ociDir: temporaryDirectory(), tag: "fresh", compress });
        t.is(made.manifest, fresh.manifest, log.join("\n"));
        // The same tree, packed without any other image.
        if (independent) {
          const alone = await build({ rootfs: dense, ociDir: temporaryDirectory(), tag: "alone", compress, packed });
          t.is(made.packed?.manifest, alone.packed?.manifest, log.join("\n"));
        }
      }
      images.set(tag, { lines, manifest: made.manifest });
      const other = `v${random.below(version + 1)}`;
      const next = random.pick(["pack", "unpack", "nothing"]);
      log.push(`${next} ${other}`);
      if (next === "pack") await packImage({ ociDir, tag: other, independent: random.once(3) });
      if (next === "unpack") {
        await unpackImage({ ociDir, tag: other });
        t.is(formOf(ociDir, other), "loose");
      }
      assertAll(t, ociDir, images, log.join("\n"));
      for (let count = random.below(10); count > 0; count--) log.push(changing.change());
    }
  });
}

function denseCopy(rootfs: string): string {
  const copy = join(temporaryDirectory(), "dense");
  execFileSync("cp", ["-a", "--sparse=never", rootfs, copy]);
  return copy;
}

test.serial("records are of no use for packs that are gone", async (t) => {
  const [rootfs, ociDir] = [tree(), temporaryDirectory()];
  const options = { rootfs, ociDir, compress: true, packed: true, fileCache: true };
  const first = await later({ ...options, tag: "v1" });
  const names = readdirSync(ociDir).filter((name) => name.startsWith(".puzzlefs-"));
  t.is(names.length, 2, "chunks and files");
  const [pack = ""] = packsOf(ociDir, "v1");
  for (const damage of ["cut", "removed"]) {
    const path = join(ociDir, "blobs/sha256", pack);
    writeFileSync(path, damage === "cut" ? readFileSync(path).subarray(1) : "");
    const again = await later({ ...options, tag: "v1" });
    t.deepEqual([again.manifest, again.compressed], [first.manifest, 503_100], damage);
    t.deepEqual(problemsOf(ociDir, "v1"), []);
    t.is(createHash("sha256").update(readFileSync(path)).digest("hex"), pack);
  }
  const empty = makeTree({});
  t.deepEqual((await later({ ...options, rootfs: empty, tag: "empty" })).packed?.packs, 0);
  t.deepEqual(dumpImage(ociDir, "empty"), dumpTree(empty));
});

test.serial("of a tag with two platforms, one image gets other forms, and the other stays as it is", async (t) => {
  const ociDir = temporaryDirectory();
  const platforms = (["amd64", "riscv64"] as const).map((architecture) => ({ architecture, os: "linux" }));
  const trees = [tree(), makeTree({ a: prose("a", 300_000), other: noise("other", 100_000) })];
  const made: string[] = [];
  for (const [index, platform] of platforms.entries()) {
    const common = { rootfs: trees[index] ?? "", ociDir, tag: "v1", compress: true, platform };
    // The second is not canonical before.
    made.push((await build({ ...common, chunking: index === 0 ? "file" : "stream" })).manifest);
  }
  const entryOf = (platform: { architecture: string }): string =>
    JSON.stringify(
      (
        JSON.parse(readFileSync(join(ociDir, "index.json"), "utf8")) as {
          manifests: { platform: { architecture: string } }[];
        }
      ).manifests.find((entry) => entry.platform.architecture === platform.architecture),
    );
  const [first, second] = platforms as [(typeof platforms)[0], (typeof platforms)[0]];
  const stays = entryOf(first);
  const dump = (platform: typeof first): string[] => {
    using layout = Layout.open(ociDir);
    return dumpImage(ociDir, layout.manifest("v1", { platform }).digest);
  };
  const fresh = await build({ rootfs: trees[1] ?? "", ociDir: temporaryDirectory(), tag: "fresh", compress: true });
  const works: [name: string, work: () => Promise<{ manifest: string }>, manifest: string][] = [
    ["pack", () => packImage({ ociDir, tag: "v1", platform: second }), made[1] ?? ""],
    [
      "canonicalize",
      () => canonicalize({ from: ociDir, reference: "v1", choice: { platform: second }, ociDir, tag: "v1" }),
      fresh.manifest,
    ],
    [
      "build -b",
      () =>
        build({
          rootfs: trees[1] ?? "",
          ociDir,
          tag: "v1",
          base: "v1",
          compress: true,
          packed: true,
          platform: second,
        }),
      fresh.manifest,
    ],
    ["unpack", () => unpackImage({ ociDir, tag: "v1", platform: second }), fresh.manifest],
    ["pack again", () => packImage({ ociDir, tag: "v1", platform: second, independent: true }), fresh.manifest],
  ];
  for (const [name, work, manifest] of works) {
    t.is((await work()).manifest, manifest, name);
    t.is(entryOf(first), stays, name);
    t.deepEqual(dump(first), dumpTree(trees[0] ?? ""), name);
    t.deepEqual(dump(second), dumpTree(trees[1] ?? ""), name);
    t.deepEqual(problemsOf(ociDir), [], name);
  }
});
