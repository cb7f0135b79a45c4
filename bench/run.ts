/**
 * `make bench`: the space that versions of a tree take, and the times of builds, beside other programs.
 *
 *     [PARTS=sizes,rebuild,large,memory] [ROUNDS=5] [SERIES=DIR] [BIG=DIR] [SMALL=DIR] [ONLY=NAME] [KEEP=1] [MINUTES=600] [BENCH_DIR=DIR] [NOTE=TEXT] [RESULTS=FILE] node bench/run.ts CACHE
 *     node bench/run.ts documents [check]      makes the documents of the results again, or checks that they are made of them
 *
 * | part    | |
 * | ---     | --- |
 * | sizes   | ten versions (SERIES has v1, v2 …), each alone and all in one store, by every subject; no times |
 * | rebuild | the second version of a tree of 2 GB (BIG) with one changed file: times, and bytes that it adds |
 * | large   | first builds of that tree, on a disk |
 * | memory  | first builds of a tree of 280 MB (SMALL; default: a Debian root and a large file), from tmpfs into tmpfs |
 *
 * Rounds go through the subjects in turn, after one round that is not counted: everything is in the page cache. Each image is
 * extracted once and compared with its tree. Results are kept in bench/results/store.json: a run replaces the parts that it measures. Of
 * the sizes it measures those of subjects whose names match ONLY (a regular expression), and with KEEP those that results do not have yet; no
 * subject is begun after MINUTES. BENCH_DIR has the trees (default: CACHE/bench-store), which are kept for the next run.
 */
import { cpSync, existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { largeBuilds, measureBuilds, memoryBuilds, type BuildSet } from "./store-builds.ts";
import { staleDocuments, writeDocuments } from "./store-documents.ts";
import { measureRebuilds, rebuildTargets } from "./store-rebuild.ts";
import { circumstances, readResults, RESULTS, writeResults, type Results, type TimesResult } from "./store-results.ts";
import { givenSeries, makeSeries } from "./store-series.ts";
import { measureSizes } from "./store-sizes.ts";
import { presentSubjects } from "./store-subjects.ts";
import { copyTree, countTree, inScratch } from "./store-work.ts";

const {
  PARTS,
  ROUNDS = "5",
  ONLY,
  KEEP,
  MINUTES = "600",
  SERIES,
  BIG,
  SMALL,
  BENCH_DIR,
  NOTE,
  RESULTS: file = RESULTS,
} = process.env;
const [first = ".", second] = process.argv.slice(2);

if (first === "documents") documents(second === "check");
else measure(resolve(first));

function documents(isCheck: boolean): void {
  if (!isCheck) {
    writeDocuments(readResults(RESULTS));
    return;
  }
  for (const name of staleDocuments(readResults(RESULTS))) {
    console.error(`${name} is not as bench/results makes it: run \`make bench-documents\``);
    process.exitCode = 1;
  }
}

function measure(cache: string): void {
  const work = resolve(BENCH_DIR ?? join(cache, "bench-store"));
  mkdirSync(work, { recursive: true, mode: 0o700 });
  const rounds = Number(ROUNDS);
  const trees = join(cache, "trees");
  const parts: Record<string, () => Results> = {
    sizes: () => sizes(cache, work, trees),
    rebuild: () => ({ rebuild: rebuild(bigTree(work, trees), work, rounds) }),
    large: () => ({ large: builds(largeBuilds(cache), bigTree(work, trees), work, rounds) }),
    memory: () => ({ memory: inMemory(cache, trees, rounds) }),
  };
  for (const name of PARTS?.split(",") ?? Object.keys(parts)) {
    const part = parts[name];
    if (part === undefined) throw new Error(`no part ${name}: ${Object.keys(parts).join(", ")}`);
    process.stderr.write(`bench: ${name}\n`);
    const results = writeResults(file, part());
    if (file === RESULTS) writeDocuments(results);
  }
}

/** Results of subjects that ONLY does not match are kept, if they are of the same trees. Each is written when it is complete. */
function sizes(cache: string, work: string, trees: string): Results {
  const versions =
    SERIES === undefined
      ? makeSeries(join(trees, "debian-bookworm"), join(trees, "recipes/root"), join(work, "series"))
      : givenSeries(resolve(SERIES));
  const { present, missing } = presentSubjects(cache);
  reportMissing(missing);
  const counts = versions.map(countTree);
  const [content, entries] = [counts.map((count) => count.content), counts.map((count) => count.entries)];
  const before = readResults(file).sizes;
  const isSame = (ONLY !== undefined || KEEP !== undefined) && isDeepStrictEqual(before?.content, content);
  const stores = new Map(isSame ? before?.stores.map((store) => [store.name, store]) : []);
  const result = (): Results => {
    const known = present.flatMap(({ name }) => stores.get(name) ?? []);
    return { sizes: { ...circumstances(missing, NOTE), content, entries, stores: known } };
  };
  for (const subject of present) {
    if (ONLY !== undefined && !new RegExp(ONLY).test(subject.name)) continue;
    if (KEEP !== undefined && stores.has(subject.name)) continue;
    if (performance.now() > Number(MINUTES) * 60_000) {
      process.stderr.write(`bench: no time left for ${subject.name}\n`);
      continue;
    }
    process.stderr.write(`bench: ${subject.name}\n`);
    stores.set(subject.name, measureSizes(subject, versions, work));
    writeResults(file, result());
  }
  return result();
}

/** A copy, because a file of it is changed. */
function bigTree(work: string, trees: string): string {
  const copy = join(work, "big");
  if (existsSync(copy)) return copy;
  const tree = resolve(BIG ?? join(trees, "big-tree"));
  const remedy = "run `setup/setup.sh big-tree` as root, or name another tree: BIG=DIR";
  if (!existsSync(tree)) throw new Error(`${tree} is not there: ${remedy}`);
  copyTree(tree, copy);
  return copy;
}

function rebuild(tree: string, work: string, rounds: number): TimesResult {
  const { subjects, missing } = measureRebuilds(tree, work, rounds);
  reportMissing(missing);
  return { ...circumstances(missing, NOTE), ...countTree(tree), subjects, targets: rebuildTargets };
}

function builds({ builders, missing, targets }: BuildSet, tree: string, work: string, rounds: number): TimesResult {
  reportMissing(missing);
  const subjects = measureBuilds(builders, tree, { work, extracted: work, rounds });
  return { ...circumstances(missing, NOTE), ...countTree(tree), subjects, targets };
}

function inMemory(cache: string, trees: string, rounds: number): TimesResult {
  return inScratch("/dev/shm", (directory) => {
    const tree = join(directory, "tree");
    copyTree(SMALL === undefined ? join(trees, "debian-bookworm") : resolve(SMALL), tree);
    // This Node's program.
    if (SMALL === undefined) cpSync(process.execPath, join(tree, "large"));
    return builds(memoryBuilds(cache), tree, directory, rounds);
  });
}

function reportMissing(missing: readonly string[]): void {
  for (const name of missing) process.stderr.write(`bench: not installed, left out: ${name}\n`);
}
