/** The section of docs/benchmarks.md about the simulated fleet, and its chart. */
import { RELEASE_EVERY } from "./fleet-model.ts";
import { PATCHES_FROM } from "./fleet-packed.ts";
import { LAYERS } from "./fleet-peers.ts";
import type { FleetResults } from "./fleet-results.ts";
import { sum } from "./fleet-strategy.ts";
import { GROUPS, LINE, NEW_NODES, type StrategyResult, WINDOW } from "./fleet-timeline.ts";
import { type Bar, chart, type Panel } from "./store-chart.ts";
import { circumstancesText, grid, kilobytes, megabytes } from "./store-tables.ts";

/** Names of strategies. */
const [OURS, FRAMES, WHOLE_IMAGES] = ["puzzlefs", "zstd:chunked-like", "one tar layer, zstd"];
export const FLEET_CHART = "docs/images/fleet.svg";
const count = (value: number): string => Math.round(value).toLocaleString("en-US");
/** Three digits that count. */
const figure = (value: number): string => (value < 1000 ? value.toPrecision(3) : count(Number(value.toPrecision(3))));
const terabytes = (bytes: number): string => figure(bytes / 1e12);
const gigabytes = (bytes: number): string => figure(bytes / 1e9);
const percent = (part: number): string => `${(part * 100).toPrecision(2)} %`;

function titleOf({ nodes, versions }: FleetResults): string {
  return `A simulated fleet: ${count(nodes)} nodes, ${count(versions)} versions; less is better`;
}

export function fleetChart(results: FleetResults): string {
  const panel = (
    title: string,
    note: string,
    value: (result: StrategyResult) => number,
    text: (value: number) => string,
  ): Panel => ({
    title,
    note,
    bars: results.strategies.map((result): Bar => {
      const { name } = result;
      return { name, value: value(result), text: text(value(result)), isOurs: name.startsWith("puzzlefs") };
    }),
  });
  const panels = [
    panel("From the registry", "TB", ({ bytes }) => bytes, terabytes),
    panel("Requests", "millions", ({ requests }) => requests / 1e6, figure),
    panel("Registry, worst second", "MB", ({ peakBytes }) => peakBytes, megabytes),
    panel("Stored in the registry", "GB", ({ stored }) => stored, gigabytes),
  ];
  return chart(titleOf(results), panels, "bench/results/fleet.json");
}

export function fleetText(results: FleetResults): string {
  const { seconds, memory, seed } = results;
  const run = `${count(seconds)} s of processor, ${megabytes(memory)} MB of memory, seed ${seed}. ${circumstancesText(results)}`;
  return [
    `![${titleOf(results)}](${FLEET_CHART.replace("docs/", "")})`,
    `${eventsText(results)} ${run}`,
    totalsTable(results),
    "Of one node, and in the worst second:",
    peaksTable(results),
    "**Assumptions.**",
    assumptions(results),
  ].join("\n\n");
}

/** A sentence for README.md. */
export function fleetSummary({ nodes, versions, strategies }: FleetResults): string {
  const bytes = (name: string): string => terabytes(strategies.find((one) => one.name === name)?.bytes ?? NaN);
  return (
    `A simulated fleet of ${count(nodes)} nodes that follow ${count(versions)} versions receives ${bytes(OURS)} TB by \`pull\`, ` +
    `${bytes(WHOLE_IMAGES)} TB as whole layers, ${bytes(FRAMES)} TB in the way of zstd:chunked.`
  );
}

function eventsText({ updates, skipping, coldStarts }: FleetResults): string {
  return `${count(updates)} updates, ${count(skipping)} of which skip versions, and ${count(coldStarts)} cold starts.`;
}

function totalsTable({ strategies }: FleetResults): string {
  const ours = strategies[0];
  const rows = strategies.map((result) => [
    result.name,
    terabytes(result.bytes),
    (result.bytes / ours.bytes).toPrecision(3),
    figure(result.requests / 1e6),
    `${megabytes(result.median)} / ${megabytes(result.p95)}`,
    figure(result.meanRequests),
    `${megabytes(result.coldBytes)} / ${count(result.coldRequests)}`,
    gigabytes(result.stored),
  ]);
  const columns = [
    "from the registry, TB",
    "ratio to the first",
    "requests, millions",
    "MB an update, median / p95",
    "requests an update, mean",
  ];
  return grid(["", ...columns, "cold start, MB / requests", "stored, GB"], rows);
}

function peaksTable({ strategies }: FleetResults): string {
  const rows = strategies.map((result) => [
    result.name,
    megabytes(result.peakBytes),
    count(result.peakRequests),
    megabytes(result.nodePeakBytes),
    count(result.nodePeakRequests),
    result.longest.toPrecision(3),
  ]);
  return grid(
    ["", "registry, MB/s", "registry, requests/s", "node, MB/s", "node, requests/s", "longest transfer, s"],
    rows,
  );
}

/** From the parameters of the run, and those that the simulation has. */
function assumptions({ measured, model, versions, updates }: FleetResults): string {
  const { steps, packages, released, changedFiles, changedChunks, growth } = measured;
  const usualPatch = sum(measured.patches) / measured.patches.length;
  const groups = GROUPS.map(({ part, what }) => `${percent(part)} ${what}`).join(", ");
  const [low, high] = [growth[0], growth.at(-1) ?? 1];
  const measuredBytes = steps.map(({ newBytes }) => megabytes(newBytes)).join(", ");
  const lines = [
    `*Versions.* The first is v1 of the series of ${measured.chunks.length} Debian roots of \`make bench\`: ${packages} packages, ${count(measured.chunks[0])} chunks, ${megabytes(measured.bytes[0])} MB stored. ` +
      `Its ${steps.length} steps change ${steps.map((step) => step.packages).join(", ")} packages and add ${measuredBytes} MB. Of a package that changes, ${percent(changedFiles)} of the files have other content or are gone; of a changed file with chunks of its own, ` +
      `${percent(changedChunks)} of these are new; its size is ${low.toFixed(2)} to ${high.toFixed(2)} of what it was (first and last decile).`,
    `*The model* makes ${count(versions)} versions of it. Each changes as many packages as one of the steps, chosen at random; which ones, by Zipf's law with the exponent 1; every ${RELEASE_EVERY}th version is of another release, with ${percent(released)} of the packages changed, as from the first version of the series to the last. ` +
      "A changed file of a package gets other content by the measured parts, and sizes by the measured deciles, of what v1 has: images do not grow. Files of no package change as often as in the series. A chunk with bytes of several files is new when one of them is. The number of files and of chunks, and lengths of files in the metadata, stay. " +
      `On average a version has ${megabytes(model.newBytes)} MB in ${count(model.newChunks)} new chunks, of ${megabytes(model.bytes)} MB; one of another release ${megabytes(model.releaseBytes)} MB.`,
    `*Nodes*: ${groups}; ${percent(NEW_NODES)} of the nodes are replaced at each version by nodes that have none. A node begins at a random second of the ${count(WINDOW)} after a version appears, and removes the version that it had afterwards. ` +
      `Its line has ${megabytes(LINE.bytesPerSecond)} MB/s and ${LINE.roundTrip * 1000} ms: a transfer takes bytes / bandwidth + requests · round trip / ${LINE.connections}, evenly. The registry is never the limit. All nodes begin with the first version. Only bodies are counted, no headers and tokens.`,
    `*puzzlefs*: each version is pushed over the one before, with patches from the versions ${PATCHES_FROM.join(" and ")} before it. Packs, ranges, bundles, patches and manifests are those of the program, of metadata with the digests of the model: bundles of ${kilobytes(model.bundleBytes)} kB, patches from the version before of ${kilobytes(model.patchBytes)} kB (in the series: ${measured.patches.map(kilobytes).join(", ")}: patches of that size would add ${terabytes(updates * (usualPatch - model.patchBytes))} TB), ${model.packs.toFixed(1)} packs an image, at most ${model.mostPacks}. ` +
      "*Whole packs*: the same registry for clients that know no chunks, as containerd: every blob of the manifest that the node lacks.",
    "*chunks as blobs*: manifest and metadata of the canonical form, and a request for each missing chunk.",
    "*zstd:chunked-like*: a frame for each file in one layer, the ranges of changed files, joined as this program joins them, and a table of contents of v1's size. Not counted: tar headers, `tar-split`.",
    `*tar layers*: the files in ${LAYERS} layers of about equal size, those that change most often in the last one, which only a build that is reproducible and knows the future would have; a layer is fetched if a file in it has changed. *One tar layer*: all of it, for each version. Sizes are those of frames of the files, times the ratio that an archive of v1 has to them.`,
  ];
  return lines.map((line) => `- ${line}`).join("\n");
}
