/** `make bench`: its program runs on small trees, and the documents are made of the results that are checked in. */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { noise, prose } from "@puzzlefs/testing";
import test, { type ExecutionContext } from "ava";
import { compareTrees, isInstalled } from "../../bench/store-programs.ts";
import { readResults, RESULTS, type Results, type TimesResult } from "../../bench/store-results.ts";
import { makeSeries } from "../../bench/store-series.ts";
import { allSubjects } from "../../bench/store-subjects.ts";
import { staleDocuments } from "../../bench/store-documents.ts";
import { attempt, cache, isRoot, missing, root, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";

const scratch = new Scratch();
test.after.always(() => scratch.remove());

const lacks = [...missing("rsync", "time"), ...(isRoot ? [] : ["root"])];

test("docs/benchmarks.md, README.md and the chart are what the results make them", (t) => {
  t.deepEqual(staleDocuments(readResults(RESULTS)), []);
});

/** A tree, and a second version of it. */
function smallSeries(): string {
  const series = scratch.directory("series");
  for (const version of ["v1", "v2"]) {
    const tree = join(series, version);
    mkdirSync(join(tree, "etc"), { recursive: true });
    writeFileSync(join(tree, "etc/profile"), prose("profile", 500));
    writeFileSync(join(tree, "etc/version"), version);
    writeFileSync(join(tree, "large"), Buffer.concat([noise("large", 300_000), Buffer.from(version)]));
    linkSync(join(tree, "large"), join(tree, "linked"));
    symlinkSync("etc/profile", join(tree, "link"));
  }
  return series;
}

function bench(
  t: ExecutionContext,
  parts: string,
  variables: Record<string, string>,
): { results: Results; stderr: string } {
  const file = join(scratch.directory("results"), "store.json");
  const series = smallSeries();
  const env = {
    ...process.env,
    PARTS: parts,
    ROUNDS: "1",
    SERIES: series,
    BIG: join(series, "v1"),
    SMALL: join(series, "v1"),
    BENCH_DIR: scratch.directory("work"),
    RESULTS: file,
    NOTE: "small",
    ...variables,
  };
  const { status, stderr } = attempt(process.execPath, [join(root, "bench/run.ts"), cache], { env });
  t.is(status, 0, stderr);
  return { results: readResults(file), stderr };
}

function checkTimes(t: ExecutionContext, times: TimesResult | undefined): void {
  t.true((times?.subjects.length ?? 0) > 1);
  for (const { name, rounds } of times?.subjects ?? []) {
    t.is(rounds.length, 1, name);
    for (const { seconds, flushed, processor, memory } of rounds) {
      t.true(seconds > 0 && flushed >= seconds, name);
      t.true(processor >= 0, name);
      t.true(memory > 1e6, name);
    }
  }
}

const measuring = lacks.length > 0 ? test.skip : test;
const without = lacks.length > 0 ? ` (needs ${lacks.join(", ")})` : "";

measuring(`make bench measures small trees${without}`, (t) => {
  const { results } = bench(t, "sizes,rebuild,large,memory", {});
  const { sizes, rebuild, large, memory } = results;
  const names = sizes?.stores.map(({ name }) => name) ?? [];
  const all = allSubjects(cache).map(({ name }) => name);
  t.deepEqual([...names, ...(sizes?.missing ?? [])].toSorted(), all.toSorted());
  for (const { name, alone, together } of sizes?.stores ?? []) {
    t.is(alone.length, 2, name);
    // Each is larger than what cannot be compressed, and two versions share it or do not.
    t.true(together[0].apparent > 200_000 && together[1].apparent > together[0].apparent, name);
    t.true(together[1].allocated > 200_000, name);
  }
  for (const times of [rebuild, large, memory]) checkTimes(t, times);
  const walk = rebuild?.subjects.find(({ name }) => name === "build -c -b");
  const added = walk?.rounds[0]?.added?.apparent ?? 0;
  t.true(added > 100 && added < 100_000, "the large file is not stored again");
  t.is(sizes?.note, "small");
});

(lacks.length > 0 ? test.skip : test)(
  `make bench names the programs that are not installed${lacks.join(", ")}`,
  (t) => {
    const programs = scratch.directory("programs");
    for (const name of ["cp", "du", "find", "git", "gzip", "rm", "rsync", "sh", "sync", "tar", "time"])
      symlinkSync(run("sh", ["-c", `command -v ${name}`]).trim(), join(programs, name));
    const { results, stderr } = bench(t, "sizes,rebuild", { PATH: programs, ONLY: "^puzzlefs -c --packed$|^borg$" });
    for (const name of ["borg", "casync", "ostree", "squashfs, zstd"]) {
      t.true(results.sizes?.missing.includes(name), name);
      t.regex(stderr, new RegExp(`^bench: not installed, left out: ${name}$`, "m"));
    }
    t.deepEqual(
      results.sizes?.stores.map(({ name }) => name),
      ["puzzlefs -c --packed"],
    );
    t.true(results.rebuild?.missing.includes("borg"));
  },
);

/** A root of Debian, as far as dpkg's records go. */
function debianRoot(packages: Record<string, { version: string; files: Record<string, string> }>): string {
  const path = scratch.directory("debian");
  mkdirSync(join(path, "usr/bin"), { recursive: true });
  mkdirSync(join(path, "var/lib/dpkg/info"), { recursive: true });
  symlinkSync("usr/bin", join(path, "bin"));
  for (const [name, { version, files }] of Object.entries(packages)) {
    for (const [file, content] of Object.entries(files)) {
      mkdirSync(dirname(join(path, file)), { recursive: true });
      writeFileSync(join(path, file), content);
    }
    writeFileSync(
      join(path, "var/lib/dpkg/info", `${name}.list`),
      `/.\n/bin\n/usr\n${Object.keys(files).join("\n")}\n`,
    );
    writeFileSync(join(path, "var/lib/dpkg/info", `${name}.postinst`), version);
  }
  const stanzas = Object.entries(packages).map(([name, { version }]) => `Package: ${name}\nVersion: ${version}\n`);
  writeFileSync(join(path, "var/lib/dpkg/status"), stanzas.join("\n"));
  return path;
}

(isInstalled("rsync") ? test : test.skip)(
  "the series replaces packages step by step, and is the same each time",
  (t) => {
    const same = { version: "1", files: { "/usr/bin/same": "same" } };
    const older = debianRoot({
      liblzma5: { version: "1", files: { "/bin/xz": "old", "/usr/lib/gone": "gone", "/usr/share/doc/xz": "left out" } },
      dash: { version: "1", files: { "/bin/dash": "old" } },
      same,
      rest: { version: "1", files: { "/usr/rest": "old" } },
    });
    const newer = debianRoot({
      liblzma5: { version: "2", files: { "/usr/bin/xz": "new", "/usr/lib/added": "new" } },
      dash: { version: "2", files: { "/usr/bin/dash": "new" } },
      same,
      rest: { version: "2", files: { "/usr/rest": "new" } },
    });
    linkSync(join(newer, "usr/lib/added"), join(newer, "usr/lib/linked"));
    execFileSync("sh", ["-c", `echo /usr/lib/linked >>'${join(newer, "var/lib/dpkg/info/liblzma5.list")}'`]);
    const [one, other] = ["one", "other"].map((name) => makeSeries(older, newer, scratch.fresh(name)));
    t.is(one.length, 10);
    const read = (version: number, path: string): string => readFileSync(join(one[version - 1], path), "utf8");
    const has = (version: number, path: string): boolean => existsSync(join(one[version - 1], path));
    t.is(read(1, "usr/bin/xz"), "old");
    t.false(has(1, "usr/share/doc/xz"));
    t.is(read(2, "usr/bin/xz"), "new");
    t.false(has(2, "usr/lib/gone"));
    t.is(statSync(join(one[1], "usr/lib/added")).nlink, 2);
    t.is(read(2, "var/lib/dpkg/info/liblzma5.postinst"), "2");
    t.is(readlinkSync(join(one[9], "bin")), "usr/bin");
    t.is(read(6, "usr/bin/dash"), "old");
    t.regex(read(7, "var/lib/dpkg/status"), /dash\nVersion: 2\n/);
    t.is(read(9, "usr/rest"), "old");
    t.is(read(10, "usr/rest"), "new");
    t.is(read(10, "usr/bin/same"), "same");
    for (const [index, tree] of one.entries()) compareTrees(tree, other[index]);
    t.true(lstatSync(one[9]).isDirectory());
  },
);
