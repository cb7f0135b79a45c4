/** The marked sections of documents, and the charts, that are made of the results of the storage benchmarks and of the simulated fleet. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { FLEET_CHART, fleetChart, fleetSummary, fleetText } from "./fleet-document.ts";
import { FLEET_RESULTS, readFleet } from "./fleet-results.ts";
import { chart, type Bar, type Panel } from "./store-chart.ts";
import type { Results, SizesResult, TimesResult } from "./store-results.ts";
import {
  circumstancesText,
  growthTable,
  kilobytes,
  megabytes,
  PACKED_REBUILD,
  ratios,
  secondsText,
  sizesTable,
  sizeTargetsTable,
  timesTable,
  timeTargetsTable,
  unified,
} from "./store-tables.ts";
import { median } from "./timing.ts";

const root = resolve(import.meta.dirname, "..");
const CHART = "docs/images/store.svg";
const TITLE = "Storage: ten versions in one store, and builds of a tree of 2 GB; less is better";

/** Each file with its content as the results make it. */
function documents(results: Results): Map<string, string> {
  const fleet = readFleet(FLEET_RESULTS);
  const made = new Map([
    [CHART, chart(TITLE, panels(results), "bench/results/store.json")],
    [FLEET_CHART, fleetChart(fleet)],
  ]);
  const sections = {
    "docs/benchmarks.md": {
      sizes: sizesText(results),
      rebuild: rebuildText(results),
      builds: buildsText(results),
      fleet: fleetText(fleet),
    },
    "README.md": { storage: `${summaryText(results)}\n${fleetSummary(fleet)}` },
  };
  for (const [file, texts] of Object.entries(sections)) {
    let content = readFileSync(resolve(root, file), "utf8");
    for (const [name, text] of Object.entries(texts)) content = withSection(content, name, text, file);
    made.set(file, content);
  }
  return made;
}

export function writeDocuments(results: Results): void {
  for (const [file, content] of documents(results)) writeFileSync(resolve(root, file), content);
}

/** Files that differ from what the results make them. */
export function staleDocuments(results: Results): string[] {
  const isStale = ([file, content]: [string, string]): boolean => {
    const path = resolve(root, file);
    return !existsSync(path) || readFileSync(path, "utf8") !== content;
  };
  return [...documents(results)].filter(isStale).map(([file]) => file);
}

/** Replaces what is between the marks of a section. */
function withSection(content: string, name: string, text: string, file: string): string {
  const [begin, end] = [`<!-- made by bench/run.ts: ${name} -->`, `<!-- end of ${name} -->`];
  const [from, to] = [content.indexOf(begin), content.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${file} has no section "${name}" between marks`);
  return `${content.slice(0, from + begin.length)}\n${text}\n${content.slice(to)}`;
}

const notMeasured = "Not measured yet.";

function sizesText({ sizes }: Results): string {
  if (sizes === undefined) return notMeasured;
  const [first, last = NaN] = [sizes.content[0], sizes.content.at(-1)];
  const versions = `${sizes.content.length} versions, of ${megabytes(first)} MB (v1) to ${megabytes(last)} MB of files`;
  return [
    `MB, ${versions}. ${circumstancesText(sizes)}`,
    sizesTable(sizes),
    sizeTargetsTable(sizes),
    "What each version adds to one store, MB:",
    growthTable(sizes),
  ].join("\n\n");
}

function treeText({ entries, content }: TimesResult): string {
  return `${entries.toLocaleString("en-US")} entries with ${megabytes(content)} MB`;
}

function timesText(title: string, times: TimesResult, hasAdded: boolean): string {
  const rounds = times.subjects[0]?.rounds.length ?? 0;
  const how = `rounds: ${rounds}, in turn, everything in the page cache: ${treeText(times)}. ${circumstancesText(times)}`;
  return [`**${title}**; ${how}`, timesTable(times, hasAdded), timeTargetsTable(times)].join("\n\n");
}

function rebuildText({ rebuild }: Results): string {
  return rebuild === undefined ? notMeasured : timesText("One file changed", rebuild, true);
}

function buildsText({ large, memory }: Results): string {
  const texts = [
    large === undefined ? undefined : timesText("On a disk", large, false),
    memory === undefined ? undefined : timesText("From tmpfs into tmpfs", memory, false),
  ].filter((text) => text !== undefined);
  return texts.length === 0 ? notMeasured : texts.join("\n\n");
}

const isOurs = (name: string): boolean => /^(puzzlefs|build|commit)/.test(name);

function panels({ sizes, rebuild, large }: Results): Panel[] {
  const made: (Panel | undefined)[] = [sizes && sizesPanel(sizes), large && timesPanel("First build, 2 GB", large)];
  made.push(rebuild && timesPanel("One file changed, 2 GB", rebuild), rebuild && addedPanel(rebuild));
  return made.filter((panel) => panel !== undefined);
}

/** The compressed stores, smallest first. */
function sizesPanel({ stores, content }: SizesResult): Panel {
  const bars = stores
    .filter(({ compressed, name }) => compressed && !name.includes(","))
    .map((store): Bar => {
      const { apparent } = unified(store);
      return { name: store.name, value: apparent, text: megabytes(apparent), isOurs: isOurs(store.name) };
    });
  return {
    title: `${content.length} versions, one store`,
    note: "MB",
    bars: bars.toSorted((a, b) => a.value - b.value),
  };
}

function timesPanel(title: string, { subjects }: TimesResult): Panel {
  const bars = subjects.map(({ name, rounds }): Bar => {
    const value = median(rounds.map(({ seconds }) => seconds));
    return { name, value, text: secondsText(value), isOurs: isOurs(name) };
  });
  return { title, note: "seconds", bars };
}

function addedPanel({ subjects }: TimesResult): Panel {
  const bars = subjects.map(({ name, rounds }): Bar => {
    const value = Math.max(...rounds.map(({ added }) => added?.apparent ?? NaN));
    return { name, value, text: kilobytes(value), isOurs: isOurs(name) };
  });
  return { title: "Bytes that it adds", note: "kB", bars };
}

/** The paragraph of README.md. */
function summaryText(results: Results): string {
  const { sizes, rebuild, large } = results;
  const sentences: string[] = [];
  const size = (name: string): number => {
    const store = sizes?.stores.find((one) => one.name === name);
    return store === undefined ? NaN : unified(store).apparent;
  };
  if (sizes !== undefined && !Number.isNaN(size("puzzlefs -c --packed") + size("Rust tool -c"))) {
    const ratio = size("puzzlefs -c --packed") / size("Rust tool -c");
    sentences.push(
      `${sizes.content.length} versions of a Debian root take ${megabytes(size("puzzlefs -c --packed"))} MB packed, ` +
        `${ratio.toFixed(2)} of the Rust tool's ${megabytes(size("Rust tool -c"))} MB.`,
    );
  }
  const timed = (result: TimesResult | undefined, of: string): void => {
    for (const target of result?.targets ?? []) {
      const values = ratios(result?.subjects ?? [], target, ({ seconds }) => seconds);
      if (values.length === 0) continue;
      sentences.push(`${of}, ${target.what}: ${median(values).toFixed(2)} of the time of ${target.peer}.`);
    }
  };
  timed(rebuild, "A version with one changed file of 2 GB");
  timed(large, "A first build of 2 GB");
  const packed = rebuild?.subjects.find(({ name }) => name === PACKED_REBUILD)?.rounds ?? [];
  const added = Math.max(...packed.map((round) => round.added?.apparent ?? NaN));
  if (packed.length > 0) sentences.push(`Packed, that version adds ${kilobytes(added)} kB.`);
  return [`![${TITLE}](${CHART})`, sentences.join("\n") || notMeasured].join("\n\n");
}
