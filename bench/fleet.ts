/**
 * `make bench-fleet`: what 10,000 nodes receive that follow 1,000 versions of an image, by push and pull and by other ways.
 *
 *     [NODES=10000] [VERSIONS=1000] [SEED=1] [SERIES=DIR] [BENCH_DIR=DIR] [NOTE=TEXT] [RESULTS=FILE] node bench/fleet.ts CACHE
 *
 * Chunks have digests and sizes, but no content; what is pushed and pulled of them is planned by packages/transport. The series of `make bench`
 * is what versions are modelled on; SERIES has v1, v2 … instead. Results are kept in bench/results/fleet.json.
 */
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { bytesOf } from "@puzzlefs/builder/packed";
import { RELEASE_EVERY, VersionModel } from "./fleet-model.ts";
import { PackedRegistry, WholePacks } from "./fleet-packed.ts";
import { ChunkBlobs, FileFrames, LAYERS, TarLayers } from "./fleet-peers.ts";
import { FLEET_RESULTS, type Versions, writeFleet } from "./fleet-results.ts";
import { measureSeries } from "./fleet-series.ts";
import { sum } from "./fleet-strategy.ts";
import { simulate } from "./fleet-timeline.ts";
import type { Newest } from "./fleet-version.ts";
import { writeDocuments } from "./store-documents.ts";
import { circumstances, readResults, RESULTS } from "./store-results.ts";
import { givenSeries, makeSeries } from "./store-series.ts";

const env = process.env;
const [cache = "."] = process.argv.slice(2);
const work = resolve(env["BENCH_DIR"] ?? join(cache, "bench-store"));
const file = env["RESULTS"] ?? FLEET_RESULTS;
const options = {
  nodes: Number(env["NODES"] ?? 10_000),
  versions: Number(env["VERSIONS"] ?? 1000),
  seed: Number(env["SEED"] ?? 1),
};

mkdirSync(work, { recursive: true, mode: 0o700 });
const trees = join(cache, "trees");
const paths =
  env["SERIES"] === undefined
    ? makeSeries(join(trees, "debian-bookworm"), join(trees, "recipes/root"), join(work, "series"))
    : givenSeries(resolve(env["SERIES"]));
process.stderr.write(`bench: builds and measures ${paths.length} versions\n`);
const { measured, start } = await measureSeries(paths, work);
const model = new VersionModel(start, measured, options.seed);
const packed = new PackedRegistry();
const strategies = [
  packed,
  new WholePacks(packed),
  new ChunkBlobs(),
  new FileFrames(start),
  new TarLayers("tar layers, zstd", start, model.layers(LAYERS)),
  new TarLayers("one tar layer, zstd", start, model.layers(1)),
];

const seen: { chunks: number; bytes: number; newChunks: number; newBytes: number; isRelease: boolean }[] = [];
let before: ReadonlySet<string> | undefined;

/** The next version, which is counted. */
function next(): Newest {
  const version = model.next();
  const { chunks, digests, number } = version;
  const fresh = before === undefined ? [] : chunks.filter(({ digest }) => before?.has(digest) === false);
  const isRelease = number % RELEASE_EVERY === 0;
  seen.push({
    chunks: chunks.length,
    bytes: bytesOf(chunks),
    newChunks: fresh.length,
    newBytes: bytesOf(fresh),
    isRelease,
  });
  before = digests;
  return version;
}

function versions(): Versions {
  const mean = (values: readonly number[]): number => (values.length === 0 ? 0 : sum(values) / values.length);
  const usual = seen.slice(1).filter(({ isRelease }) => !isRelease);
  return {
    chunks: mean(seen.map(({ chunks }) => chunks)),
    bytes: mean(seen.map(({ bytes }) => bytes)),
    newChunks: mean(usual.map(({ newChunks }) => newChunks)),
    newBytes: mean(usual.map(({ newBytes }) => newBytes)),
    releaseBytes: mean(seen.filter(({ isRelease }) => isRelease).map(({ newBytes }) => newBytes)),
    bundleBytes: mean(packed.bundles),
    patchBytes: mean(packed.patches.slice(1)),
    packs: mean(packed.packCounts),
    mostPacks: Math.max(...packed.packCounts),
  };
}

const progress = (version: number): void => {
  if (version % 50 === 0) process.stderr.write(`bench: ${version} of ${options.versions} versions\n`);
};
const simulated = await simulate(next, strategies, { ...options, progress });
const { user, system } = process.cpuUsage();
writeFleet(file, {
  ...circumstances([], env["NOTE"]),
  ...options,
  seconds: (user + system) / 1e6,
  memory: process.resourceUsage().maxRSS * 1024,
  measured,
  model: versions(),
  ...simulated,
});
if (file === FLEET_RESULTS) writeDocuments(readResults(RESULTS));
