/** `make bench-fleet`: its figures are those of real pushes and pulls of the same images, byte by byte and request by request. */
import { cpSync, existsSync } from "node:fs";
import { bytesOf, type Chunk } from "@puzzlefs/builder/packed";
import type { PackRecord } from "@puzzlefs/format";
import { FsVerityHasher, Layout, MANIFEST_TYPE, sha256Hex } from "@puzzlefs/oci";
import { readHeader } from "@puzzlefs/reader";
import { Random } from "@puzzlefs/testing";
import { pull, push } from "@puzzlefs/transport";
import test from "ava";
import { VersionModel } from "../../bench/fleet-model.ts";
import { PackedRegistry, WholePacks } from "../../bench/fleet-packed.ts";
import { ChunkBlobs, FileFrames, TarLayers } from "../../bench/fleet-peers.ts";
import { readTemplate } from "../../bench/fleet-template.ts";
import type { Measured, SeriesStart } from "../../bench/fleet-series.ts";
import { simulate } from "../../bench/fleet-timeline.ts";
import { type Newest, type Version, versionOf } from "../../bench/fleet-version.ts";
import { MemoryRepository } from "../../packages/transport/src/memory-repository-fixture.ts";
import { buildTo, series } from "../../packages/transport/src/transport-fixture.ts";
import { Scratch } from "../support/scratch.ts";

const scratch = new Scratch();
test.after.always(() => scratch.remove());
const VERSIONS = 5;
const PATCHES_FROM = [1, 3];

/** An image of a layout as the simulation has it. */
function imageOf(ociDir: string, number: number): Newest {
  using layout = Layout.open(ociDir);
  return versionOf(readHeader(layout, `v${number}`), layout, number);
}

/** A repository that counts the bytes and requests of what it answers. */
function counting(repository: MemoryRepository): { take: () => { bytes: number; requests: number } } {
  let bytes = 0;
  repository.requests.length = 0;
  repository.behaviour.change = (_, sent) => {
    bytes += sent.length;
    return sent;
  };
  const take = (): { bytes: number; requests: number } => {
    const manifests = repository.requests.flatMap((request) => /^GET manifest (.*)$/.exec(request)?.[1] ?? []);
    const sent = manifests.reduce((sum, name) => sum + (repository.manifests.get(name)?.bytes.length ?? 0), bytes);
    delete repository.behaviour.change;
    return { bytes: sent, requests: repository.requests.length };
  };
  return { take };
}

async function receives(
  repository: MemoryRepository,
  from: string | undefined,
  tag: string,
): Promise<{ bytes: number; requests: number }> {
  const copy = scratch.fresh("node");
  if (from !== undefined) cpSync(from, copy, { recursive: true });
  const { take } = counting(repository);
  await pull({ repository, ociDir: copy, tag });
  return take();
}

const storedBytes = ({ blobs, manifests }: MemoryRepository): number => {
  const all = [
    ...blobs.values(),
    ...[...manifests].filter(([name]) => name.startsWith("sha256:")).map(([, { bytes }]) => bytes),
  ];
  return all.reduce((sum, { length }) => sum + length, 0);
};

test("the simulation counts what real pushes upload and real pulls receive, between any two versions", async (t) => {
  const ociDir = scratch.fresh("store");
  const repository = new MemoryRepository("latest");
  const describe = (chunks: readonly Chunk[]): Promise<PackRecord> => {
    using layout = Layout.open(ociDir);
    const bytes = Buffer.concat(chunks.map(({ digest, size }) => layout.blobs.read(digest, size)));
    const verity = new FsVerityHasher();
    verity.update(bytes);
    return Promise.resolve({
      digest: sha256Hex(bytes),
      verity: verity.digest().toString("hex"),
      size: bytesOf(chunks),
    });
  };
  const simulated = new PackedRegistry({ patchesFrom: PATCHES_FROM, describe });
  const nodes: { version: Version; layout: string }[] = [];
  let [patched, joined] = [0, 0];
  // 24 MB, so that there are several packs.
  for (const [index, rootfs] of series(VERSIONS, 8).entries()) {
    const number = index + 1;
    await buildTo(rootfs, ociDir, `v${number}`);
    const version = imageOf(ociDir, number);
    const before = storedBytes(repository);
    const patchFrom = PATCHES_FROM.slice(1).flatMap((back) =>
      number > back ? [repository.at(`v${number - back}`)] : [],
    );
    const pushed = await push({ ociDir, reference: `v${number}`, target: repository, patchFrom });
    repository.manifests.set(
      `v${number}`,
      repository.manifests.get("latest") ?? { bytes: Buffer.alloc(0), mediaType: "" },
    );
    t.is(await simulated.publish(version), storedBytes(repository) - before, `push of v${number}`);
    t.is(simulated.pushed.packs.length, pushed.packs);
    patched += pushed.patches.length;
    for (const node of [undefined, ...nodes]) {
      const real = await receives(repository, node?.layout, "latest");
      t.deepEqual(simulated.update(node?.version), real, `v${node?.version.number} to v${number}`);
      joined += real.requests - 4;
    }
    const layout = scratch.fresh(`v${number}`);
    await pull({ repository, ociDir: layout, tag: "latest" });
    nodes.push({ version, layout });
  }
  t.true(patched > VERSIONS && joined > VERSIONS, `${patched} patches and ${joined} ranges more than one`);
});

test("the simulation counts what real pulls receive of chunks that are blobs", async (t) => {
  const ociDir = scratch.fresh("store");
  const repository = new MemoryRepository("latest");
  const simulated = new ChunkBlobs();
  let first: Version | undefined;
  const node = scratch.fresh("first");
  for (const [index, rootfs] of series(2).entries()) {
    const number = index + 1;
    await buildTo(rootfs, ociDir, `v${number}`);
    const version = imageOf(ociDir, number);
    using layout = Layout.open(ociDir);
    for (const digest of layout.blobs.list())
      repository.blobs.set(`sha256:${digest}`, layout.blobs.read(digest, 2 ** 26));
    await repository.putManifest("latest", version.documents.manifest, MANIFEST_TYPE);
    simulated.publish(version);
    t.deepEqual(simulated.update(undefined), await receives(repository, undefined, "latest"));
    if (first !== undefined) t.deepEqual(simulated.update(first), await receives(repository, node, "latest"));
    first = version;
    if (!existsSync(node)) await pull({ repository, ociDir: node, tag: "latest" });
  }
});

test("a fleet ends with the newest version, and the same seed gives the same figures", async (t) => {
  const [rootfs = ""] = series(1);
  const ociDir = scratch.fresh("start");
  await buildTo(rootfs, ociDir, "v1");
  const start = (): SeriesStart => {
    using layout = Layout.open(ociDir);
    const template = readTemplate(readHeader(layout, "v1"), layout);
    const frames = template.files.map(({ size }) => size);
    const packageOf = template.files.map((_, file) => `package ${file % 20}`);
    return { template, packageOf, frames, archive: 3e6 };
  };
  const measured: Measured = {
    chunks: [],
    bytes: [],
    packages: 20,
    released: 0.5,
    changedFiles: 0.7,
    changedChunks: 0.5,
    steps: [{ packages: 2, newChunks: 0, newBytes: 0 }],
    growth: [0.9, 1, 1.1],
    volatile: {},
    patches: [],
  };
  const seed = new Random().bits();
  const run = async (): ReturnType<typeof simulate> => {
    const from = start();
    const model = new VersionModel(from, measured, seed);
    const packed = new PackedRegistry();
    const layers = [4, 1].map((count) => new TarLayers(`${count} layers`, from, model.layers(count)));
    const strategies = [packed, new WholePacks(packed), new ChunkBlobs(), new FileFrames(from), ...layers];
    return simulate(() => model.next(), strategies, { nodes: 200, versions: 60, seed });
  };
  const [one, other] = [await run(), await run()];
  t.deepEqual(one, other);
  const [ours, whole, chunks, frames, layered, archive] = one.strategies.map(({ bytes }) => bytes);
  t.true(Math.max(ours, whole, chunks, frames, layered) < archive, JSON.stringify(one.strategies));
  t.true(one.skipping > 0 && one.coldStarts > 0 && one.updates < 200 * 60);
  for (const { name, bytes, coldBytes, peakBytes, stored } of one.strategies)
    t.true(bytes > 0 && stored > 0 && peakBytes > 0 && coldBytes > 0, name);
});
