/** Every kind of image of two trees, in layouts of one directory, which becomes one disk. */
import { join } from "node:path";
import { manifestOf } from "@puzzlefs/qemu";
import { dumpDirectory } from "../support/compare.ts";
import { build } from "../support/images.ts";
import { debianRoot, missing, run, rustTool } from "../support/programs.ts";
import type { Scratch } from "../support/scratch.ts";
import { fewVariants, variants } from "../support/variants.ts";
import { changeTree, replaceHardLink } from "../support/trees/change.ts";
import { makeHostileTree } from "../support/trees/hostile.ts";
import { addJoined } from "./joined.ts";
import { addLayered } from "./layered.ts";

export interface StoredImage {
  name: string;
  /** Directory of its layout, below the store's. */
  layout: string;
  tag: string;
  manifest: string;
  /** The tree that it must show. */
  source: string;
  /** Whether it keeps modification times. */
  times: boolean;
  /** Whether this project's tool built it. */
  ours: boolean;
  /** Not mounted everywhere: one of a kind is. */
  oncePerSuite: boolean;
}

/** Small enough for an emulated processor; the POSIX cases have the large directory. */
const hostileOptions = { largeDirectory: 1500, sparseBytes: 12_000_000 };

/** Builds images into layouts below one directory. */
export class ImageStore {
  readonly directory: string;
  readonly images: StoredImage[] = [];
  readonly #dumps = new Map<string, string>();

  constructor(directory: string) {
    this.directory = directory;
  }

  /** By this project's tool. `options` may name a base (-b), a tag of the same layout. */
  add(
    name: string,
    layout: string,
    tag: string,
    source: string,
    options: readonly string[],
    oncePerSuite = false,
  ): void {
    const store = join(this.directory, layout);
    build(source, `${store}:${tag}`, ...options);
    this.#add({ name, layout, tag, source, times: options.includes("keep"), ours: true, oncePerSuite });
  }

  addRust(
    name: string,
    layout: string,
    tag: string,
    source: string,
    options: readonly string[],
    oncePerSuite = false,
  ): void {
    run(rustTool, ["build", ...options, source, `${join(this.directory, layout)}:${tag}`]);
    this.#add({ name, layout, tag, source, times: false, ours: false, oncePerSuite });
  }

  /** In two layers, the upper one with directories that look below. @param from a tag of the layout */
  addLayered(name: string, layout: string, from: string, source: string): void {
    addLayered(join(this.directory, layout), from, `${from}-layered`);
    this.#addChanged(name, layout, from, `${from}-layered`, source, false);
  }

  /** With blobs of many chunks. @param from a tag of the layout */
  addJoined(name: string, layout: string, from: string, source: string, oncePerSuite = false): void {
    addJoined(join(this.directory, layout), from, `${from}-joined`, 1 << 22);
    this.#addChanged(name, layout, from, `${from}-joined`, source, oncePerSuite);
  }

  #addChanged(name: string, layout: string, from: string, tag: string, source: string, oncePerSuite: boolean): void {
    const times = this.images.find((image) => image.layout === layout && image.tag === from)?.times === true;
    this.#add({ name, layout, tag, source, times, ours: true, oncePerSuite });
  }

  /** The dump that a mount must equal, asked for once. */
  expected({ source, times }: StoredImage): string {
    const key = `${source} ${times}`;
    const dump = this.#dumps.get(key) ?? dumpDirectory(source, ...(times ? [] : ["--no-times"]));
    this.#dumps.set(key, dump);
    return dump;
  }

  #add(image: Omit<StoredImage, "manifest">): void {
    this.images.push({ ...image, manifest: manifestOf(join(this.directory, image.layout), image.tag) });
  }
}

const withRust = missing(rustTool).length === 0;

export function addHostileImages(store: ImageStore, scratch: Scratch): void {
  const tree = scratch.fresh("hostile");
  makeHostileTree(tree, hostileOptions);
  const changed = scratch.fresh("changed");
  run("cp", ["-a", tree, changed]);
  changeTree(changed);
  replaceHardLink(changed);
  for (const [index, { name, options }] of variants.entries()) {
    const kept = ["--mtime", "keep", ...options];
    store.add(
      `hostile tree, ${name}`,
      "hostile",
      `v${index}`,
      tree,
      kept,
      !fewVariants.some((few) => few.name === name),
    );
  }
  store.add("hostile tree, delta", "hostile", "delta", changed, ["--mtime", "keep", "-b", "v0"]);
  store.add("hostile tree, zstd delta", "hostile", "delta-zstd", changed, ["-c", "-b", "v1"], true);
  store.addJoined("hostile tree, raw blobs of many chunks", "hostile", "v0", tree, true);
  store.addJoined("hostile tree, zstd blobs of many chunks", "hostile", "v1", tree);
  store.addLayered("hostile tree, directories that look below", "hostile", "v0", tree);
  if (!withRust) return;
  // Its deltas cannot hold a name that becomes another inode.
  const theirs = scratch.fresh("their-change");
  run("cp", ["-a", tree, theirs]);
  changeTree(theirs);
  store.addRust("hostile tree, the Rust tool's", "hostile-rust", "raw", tree, [], true);
  store.addRust("hostile tree, the Rust tool's zstd", "hostile-rust", "zstd", tree, ["-c"], true);
  store.addRust("hostile tree, the Rust tool's delta", "hostile-rust", "delta", theirs, ["-c", "-b", "zstd"]);
}

/** @param few only one: an emulated processor takes a minute for each */
export function addDebianImages(store: ImageStore, few = false): void {
  if (missing(debianRoot).length > 0) return;
  store.add("Debian root, zstd", "debian", "zstd", debianRoot, ["-c", "--mtime", "keep"], true);
  if (few) return;
  store.addJoined("Debian root, zstd blobs of many chunks", "debian", "zstd", debianRoot, true);
  if (withRust) store.addRust("Debian root, the Rust tool's zstd", "debian-rust", "zstd", debianRoot, ["-c"], true);
}

/** Packed images of the trees that are there, beside loose ones and on loose bases. */
export function addPackedImages(store: ImageStore): void {
  const [{ source: tree } = { source: "" }] = store.images;
  const changed = store.images.find(({ tag }) => tag === "delta")?.source ?? "";
  const packed = ["--mtime", "keep", "--packed"];
  store.add("hostile tree, packed", "hostile", "packed", tree, packed, true);
  store.add("hostile tree, packed zstd", "hostile", "packed-zstd", tree, [...packed, "-c", "--independent"], true);
  store.add("hostile tree, packed delta", "hostile", "packed-delta", changed, [...packed, "-c", "-b", "packed-zstd"]);
  store.add(
    "hostile tree, packed delta of a loose one",
    "hostile",
    "packed-v1",
    changed,
    [...packed, "-c", "-b", "v1"],
    true,
  );
  if (missing(debianRoot).length === 0)
    store.add("Debian root, packed zstd", "debian", "packed", debianRoot, [...packed, "-c"], true);
}
