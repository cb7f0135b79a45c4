/** What a layout has already, and in which form, decides what is received; the image is the same in any case. */
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { unpackImage } from "@puzzlefs/builder";
import { Layout, MANIFEST_TYPE, referencedBlobs } from "@puzzlefs/oci";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { Random } from "@puzzlefs/testing";
import test from "ava";
import { MemoryRepository } from "./memory-repository-fixture.ts";
import { pull } from "./pull.ts";
import { push } from "./push.ts";
import { buildTo, dumpOf, problemsOf, removeBlob, series } from "./transport-fixture.ts";

/** A registry with versions v0, v1, …, each pushed over the one before; and the layout that they are from. */
async function pushedSeries(
  count: number,
): Promise<{ ociDir: string; repository: MemoryRepository; manifests: string[] }> {
  const ociDir = temporaryDirectory();
  const repository = new MemoryRepository("v0");
  const manifests: string[] = [];
  for (const [version, rootfs] of series(count).entries()) {
    manifests.push(await buildTo(rootfs, ociDir, `v${version}`));
    const target = repository.at(`v${version}`);
    const bases = version === 0 ? [] : [{ repository: repository.at(`v${version - 1}`) }];
    await push({ ociDir, reference: `v${version}`, target, bases });
  }
  return { ociDir, repository, manifests };
}

test("any order of pulls, in any form, of a registry with ranges or without, gives the images that were pushed", async (t) => {
  const random = new Random();
  const versions = 6;
  const { ociDir, repository, manifests } = await pushedSeries(versions);
  for (let round = 0; round < 8; round++) {
    const copy = temporaryDirectory();
    repository.behaviour.ignoresRanges = random.once(2);
    const order = [random.below(versions), random.below(versions), random.below(versions), versions - 1];
    for (const version of order) {
      const tag = `v${version}`;
      const loose = random.once(2);
      const result = await pull({ repository: repository.at(tag), ociDir: copy, tag, loose });
      t.is(result.manifest, manifests[version] ?? "");
      t.is(dumpOf(copy, tag), dumpOf(ociDir, tag), `${tag} of round ${round}`);
      if (random.once(3)) await unpackImage({ ociDir: copy, tag });
    }
    t.deepEqual(problemsOf(copy), []);
  }
});

test("an update from a much older version receives little more than it lacks, and packs what is only a part of a pack anew", async (t) => {
  const versions = 8;
  const { ociDir, repository } = await pushedSeries(versions);
  const copy = temporaryDirectory();
  const first = await pull({ repository: repository.at("v0"), ociDir: copy, tag: "v0" });
  t.is(first.newPacks, first.packs);
  const tag = `v${versions - 1}`;
  const last = await pull({ repository: repository.at(tag), ociDir: copy, tag });
  using layout = Layout.open(copy);
  using source = Layout.open(ociDir);
  const chunksOf = (reference: string): Map<string, number> => {
    const blobs = referencedBlobs(source.manifest(reference).bytes, reference);
    return new Map(blobs.flatMap(({ digest, size }) => (digest === undefined ? [] : [[digest, size ?? 0]])));
  };
  const known = chunksOf("v0");
  const needed = [...chunksOf(tag)].filter(([digest]) => !known.has(digest)).reduce((sum, [, size]) => sum + size, 0);
  t.true(last.receivedBytes <= 1.3 * needed, `${last.receivedBytes} of ${needed}`);
  t.is(dumpOf(copy, tag), dumpOf(ociDir, tag));
  t.is(layout.tags().length, 2);
  t.deepEqual(problemsOf(copy), []);
});

test("chunks of the layout that are damaged are received again", async (t) => {
  const { ociDir, repository } = await pushedSeries(2);
  const copy = temporaryDirectory();
  await pull({ repository, ociDir: copy, tag: "v0", loose: true });
  const damaged = ((): string => {
    using layout = Layout.open(copy);
    const listed = referencedBlobs(layout.manifest("v0").bytes, "v0");
    return listed.find(({ type }) => type === "compressed-chunk")?.digest ?? "";
  })();
  const path = join(copy, "blobs/sha256", damaged);
  using source = Layout.open(ociDir);
  writeFileSync(path, Buffer.alloc(source.blobs.size(damaged) ?? 0));
  const result = await pull({ repository: repository.at("v1"), ociDir: copy, tag: "v1" });
  t.true(result.receivedChunks > 0);
  t.is(dumpOf(copy, "v1"), dumpOf(ociDir, "v1"));
  truncateSync(path, 3);
  removeBlob(copy, damaged);
  t.is(dumpOf(copy, "v1"), dumpOf(ociDir, "v1"));
});

test("an image that is not packed in the registry is pulled blob by blob, and one of tar layers is refused", async (t) => {
  const [rootfs = ""] = series(1);
  const ociDir = temporaryDirectory();
  const manifest = await buildTo(rootfs, ociDir, "v1", {
    config: { bytes: Buffer.from('{"architecture":"arm64","os":"linux"}'), path: "c" },
  });
  const repository = new MemoryRepository("v1");
  using layout = Layout.open(ociDir);
  for (const digest of layout.blobs.list())
    repository.blobs.set(`sha256:${digest}`, layout.blobs.read(digest, 2 ** 26));
  await repository.putManifest("v1", layout.manifest("v1").bytes, MANIFEST_TYPE);
  const copy = temporaryDirectory();
  const pulled = await pull({ repository, ociDir: copy, tag: "v1" });
  t.is(pulled.manifest, manifest);
  t.false(pulled.isPacked);
  t.is(dumpOf(copy, "v1"), dumpOf(ociDir, "v1"));
  t.deepEqual(problemsOf(copy), []);
  using other = Layout.open(copy);
  t.is(other.platformOf("v1")?.architecture, "arm64");
  const layered = {
    mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
    digest: `sha256:${"0".repeat(64)}`,
    size: 1,
  };
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, config: layered, layers: [layered] }));
  repository.manifests.set("tar", { bytes, mediaType: MANIFEST_TYPE });
  const refused = pull({ repository: repository.at("tar"), ociDir: copy, tag: "tar" });
  await t.throwsAsync(refused, { message: /repo:tar: not a PuzzleFS image: .*; .*convert/ });
});

test("of an index the image for the platform is pulled, and an ordinary one beside it is passed over", async (t) => {
  const [first = "", second = ""] = series(2);
  const ociDir = temporaryDirectory();
  const repository = new MemoryRepository("index");
  const platforms = ["amd64", "arm64"].map((architecture) => ({ architecture, os: "linux" }));
  const entries: object[] = [];
  const tar = Buffer.from(JSON.stringify({ schemaVersion: 2, layers: [] }));
  const tarDigest = `sha256:${(await import("./transport-fixture.ts")).sha256Hex(tar)}`;
  repository.manifests.set(tarDigest, { bytes: tar, mediaType: MANIFEST_TYPE });
  const manifests: string[] = [];
  for (const [index, rootfs] of [first, second].entries()) {
    const platform = platforms[index] ?? { architecture: "", os: "" };
    manifests.push(await buildTo(rootfs, ociDir, "v", { platform }));
    const pushed = await push({ ociDir, reference: "v", platform, target: repository.at(`v${index}`) });
    entries.push({ mediaType: MANIFEST_TYPE, digest: tarDigest, size: tar.length, platform });
    entries.push({ mediaType: MANIFEST_TYPE, digest: `sha256:${pushed.pushedManifest}`, size: 1, platform });
  }
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: entries }));
  repository.manifests.set("index", { bytes: index, mediaType: "application/vnd.oci.image.index.v1+json" });
  const copy = temporaryDirectory();
  for (const [number, platform] of platforms.entries()) {
    const pulled = await pull({ repository, ociDir: copy, tag: "v", platform });
    t.is(pulled.manifest, manifests[number] ?? "");
  }
  using layout = Layout.open(copy);
  t.is([...layout.index().entries()].length, 2);
  const riscv = pull({ repository, ociDir: copy, tag: "v", platform: { architecture: "riscv64", os: "linux" } });
  await t.throwsAsync(riscv, { message: /no image for linux\/riscv64, but for linux\/amd64, linux\/arm64/ });
});

test("a digest that is demanded is that of the canonical manifest, and nothing is stored of another image", async (t) => {
  const { repository, manifests } = await pushedSeries(1);
  const copy = temporaryDirectory();
  const wrong = pull({ repository, ociDir: copy, tag: "v0", digest: "0".repeat(64) });
  await t.throwsAsync(wrong, { name: "IntegrityError", message: /fs-verity digest that is demanded/ });
  t.throws(() => Layout.open(copy), { message: /not an OCI layout/ });
  const { manifestVerity } = await pull({ repository, ociDir: copy, tag: "v0", digest: manifests[0] ?? "" });
  const again = await pull({ repository, ociDir: copy, tag: "other", digest: manifestVerity });
  t.true(again.changed);
  t.is(again.receivedBytes, 0);
  const other = pull({ repository, ociDir: copy, tag: "v0", digest: "0".repeat(64) });
  await t.throwsAsync(other, { name: "IntegrityError" });
});
