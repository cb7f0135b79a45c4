/**
 * What the versions of the simulated fleet are modelled on: the series of `make bench`, ten versions of a Debian root. From one version to the next it is
 * measured which packages, files and chunks change, and how the sizes of files do.
 */
import { execFileSync } from "node:child_process";
import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { build } from "@puzzlefs/builder";
import { bytesOf, closeBlobs } from "@puzzlefs/builder/packed";
import { Layout } from "@puzzlefs/oci";
import { readHeader } from "@puzzlefs/reader";
import { PackedRegistry } from "./fleet-packed.ts";
import { readTemplate, type Template, type TemplateFile } from "./fleet-template.ts";
import { versionOf } from "./fleet-version.ts";
import { changedPackages, DebianRoot } from "./store-series.ts";
import { inScratchAsync } from "./store-work.ts";

/** From one version of the series to the next. */
export interface Step {
  /** Packages with another version. */
  packages: number;
  newChunks: number;
  newBytes: number;
}

/** The parameters of the model. Parts are between 0 and 1. */
export interface Measured {
  /** Chunks and stored bytes of each version. */
  chunks: number[];
  bytes: number[];
  steps: Step[];
  packages: number;
  /** Part of the packages that the last version has in another version than the first. */
  released: number;
  /** Files of a changed package that have other content or are gone. */
  changedFiles: number;
  /** Chunks of a changed file with chunks of its own that are new. */
  changedChunks: number;
  /** Sizes of changed files against those before: nine deciles. */
  growth: number[];
  /** Files of no package that change: each with the part of the steps in which it does. */
  volatile: Record<string, number>;
  /** Of each version after the first, pushed over the one before: bytes of the metadata that a node with that receives. */
  patches: number[];
}

/** The first version of the series, as the model begins with it. */
export interface SeriesStart {
  template: Template;
  /** For each file of the template: the package that it belongs to, or "". */
  packageOf: string[];
  /** For each file: bytes of a zstd frame of it alone, level 3. */
  frames: number[];
  /** Bytes of a tar archive of it in zstd level 3. */
  archive: number;
}

interface Built {
  root: DebianRoot;
  template: Template;
}

/** Builds and measures the versions of a series in a scratch directory below `work`. */
export function measureSeries(
  paths: readonly string[],
  work: string,
): Promise<{ measured: Measured; start: SeriesStart }> {
  return inScratchAsync(work, async (ociDir) => {
    const built: Built[] = [];
    const registry = new PackedRegistry();
    for (const [index, path] of paths.entries()) {
      const tag = `v${index + 1}`;
      await build({ rootfs: path, ociDir, tag, compress: true });
      using layout = Layout.open(ociDir);
      const header = readHeader(layout, tag);
      built.push({ root: new DebianRoot(path), template: readTemplate(header, layout) });
      await registry.publish(versionOf(header, layout, index + 1));
      closeBlobs(header);
    }
    const [first, last] = [built[0], built.at(-1)];
    if (first === undefined || last === undefined) throw new Error("the series has no version");
    const steps = measureSteps(built, changedPackages(first.root, last.root).length);
    const measured = { ...steps, patches: registry.patches.slice(1) };
    return { measured, start: startOf(first) };
  });
}

function measureSteps(built: readonly Built[], released: number): Omit<Measured, "patches"> {
  const files = { all: 0, changed: 0 };
  const chunks = { all: 0, changed: 0 };
  const growth: number[] = [];
  const volatile = new Map<string, number>();
  const steps = built.slice(1).map((next, index): Step => {
    const before = built[index];
    const names = new Set(changedPackages(before.root, next.root));
    const owners = ownersOf(before.root);
    const has = new Set(next.template.chunks.map(({ digest }) => digest));
    const isShared = sharedChunks(before.template);
    for (const file of before.template.files) {
      const owner = owners.get(file.path) ?? "";
      if (file.size === 0 || (owner !== "" && !names.has(owner))) continue;
      const change = changeOf(before.root.path, next.root.path, file);
      if (owner === "" && change !== undefined) volatile.set(file.path, (volatile.get(file.path) ?? 0) + 1);
      if (owner === "") continue;
      files.all++;
      if (change === undefined) continue;
      files.changed++;
      if (change.size !== undefined) growth.push(change.size / file.size);
      for (const chunk of file.chunks.filter((each) => !isShared[each])) {
        chunks.all++;
        if (!has.has(before.template.chunks[chunk].digest)) chunks.changed++;
      }
    }
    const old = new Set(before.template.chunks.map(({ digest }) => digest));
    const fresh = next.template.chunks.filter(({ digest }) => !old.has(digest));
    return { packages: names.size, newChunks: fresh.length, newBytes: bytesOf(fresh) };
  });
  growth.sort((one, other) => one - other);
  const decile = (_: unknown, index: number): number => growth[Math.floor(((index + 1) / 10) * growth.length)];
  const packages = built[0].root.packages().length;
  return {
    chunks: built.map(({ template }) => template.chunks.length),
    bytes: built.map(({ template }) => bytesOf(template.chunks)),
    steps,
    packages,
    released: released / packages,
    changedFiles: files.changed / files.all,
    changedChunks: chunks.changed / chunks.all,
    growth: Array.from({ length: 9 }, decile),
    volatile: Object.fromEntries([...volatile].map(([path, count]) => [path, count / steps.length])),
  };
}

/** The package of each file, by path. */
function ownersOf(root: DebianRoot): Map<string, string> {
  const owned = root
    .packages()
    .flatMap((name) =>
      [...root.files(name), ...root.records(name)].map((path): [string, string] => [root.resolve(path), name]),
    );
  return new Map(owned);
}

/** For each chunk: whether several files have bytes in it. */
function sharedChunks({ files, chunks }: Template): boolean[] {
  const users = chunks.map(() => 0);
  for (const file of files) for (const chunk of file.chunks) users[chunk]++;
  return users.map((count) => count > 1);
}

/** What became of a file in the next version: undefined if it has the same content; without a size if it is gone. */
function changeOf(before: string, after: string, { path, size }: TemplateFile): { size?: number } | undefined {
  const status = lstatSync(join(after, path), { throwIfNoEntry: false });
  if (!status?.isFile()) return {};
  const isSame = status.size === size && readFileSync(join(before, path)).equals(readFileSync(join(after, path)));
  return isSame ? undefined : { size: status.size };
}

function startOf({ root, template }: Built): SeriesStart {
  const owners = ownersOf(root);
  const frame = ({ path, size }: TemplateFile): number =>
    size === 0 ? 0 : compressed(readFileSync(join(root.path, path)));
  const tar = execFileSync("tar", ["-C", root.path, "--sort=name", "-cf", "-", "."], { maxBuffer: 2 ** 30 });
  return {
    template,
    packageOf: template.files.map(({ path }) => owners.get(path) ?? ""),
    frames: template.files.map(frame),
    archive: compressed(tar),
  };
}

const compressed = (bytes: Uint8Array): number => zstdCompressSync(bytes).length;
