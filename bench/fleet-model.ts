/** A long series of versions of an image without content: chunks and files with digests and sizes, which change as the measured series does. */
import { createHash } from "node:crypto";
import { encodeRootfs } from "@puzzlefs/format";
import type { Chunk } from "@puzzlefs/builder/packed";
import { assembleManifest, fsVerityDigest, hostPlatform, sha256Hex } from "@puzzlefs/oci";
import { Random } from "@puzzlefs/testing";
import type { CanonicalDocuments } from "@puzzlefs/transport/planning";
import type { Measured, SeriesStart } from "./fleet-series.ts";
import type { Newest } from "./fleet-version.ts";

/** Every version with this number is of another release of the distribution: a large part of its packages has changed. */
export const RELEASE_EVERY = 50;
/** Frames of zstd are not smaller. */
const LEAST_FRAME = 16;

export class VersionModel {
  readonly #start: SeriesStart;
  readonly #measured: Measured;
  readonly #random: Random;
  /** The files of each package, the packages that change most often first. */
  readonly #packages: readonly (readonly number[])[];
  readonly #volatile: readonly { file: number; part: number }[];
  readonly #isShared: readonly boolean[];
  readonly #frames: number[];
  readonly #files: Uint32Array;
  #chunks: readonly Chunk[];
  #number = 0;
  #made = 0;

  constructor(start: SeriesStart, measured: Measured, seed: number) {
    const { template, packageOf, frames } = start;
    this.#start = start;
    this.#measured = measured;
    this.#random = new Random(seed);
    const packages = new Map<string, number[]>();
    for (const [file, name] of packageOf.entries())
      if (name !== "") packages.set(name, [...(packages.get(name) ?? []), file]);
    this.#packages = this.#random.shuffled([...packages.values()]);
    this.#volatile = template.files.flatMap(({ path }, file) => {
      const part = measured.volatile[path];
      return part === undefined ? [] : [{ file, part }];
    });
    const users = new Uint32Array(template.chunks.length);
    for (const { chunks } of template.files) for (const chunk of chunks) users[chunk]++;
    this.#isShared = Array.from(users, (count) => count > 1);
    this.#frames = [...frames];
    this.#files = new Uint32Array(template.files.length);
    this.#chunks = template.chunks;
  }

  /** For each file, the layer of an image of `count` layers of about equal sizes: what changes most often is in the last one. */
  layers(count: number): number[] {
    const changing = new Set(this.#volatile.map(({ file }) => file));
    const owned = new Set(this.#packages.flat());
    const others = this.#frames.map((_, file) => file).filter((file) => !owned.has(file) && !changing.has(file));
    const total = this.#frames.reduce((all, size) => all + size, 0);
    const layerOf: number[] = [];
    let bytes = 0;
    for (const file of [...others, ...this.#packages.toReversed().flat(), ...changing]) {
      layerOf[file] = Math.min(count - 1, Math.floor((bytes / total) * count));
      bytes += this.#frames[file];
    }
    return layerOf;
  }

  next(): Newest {
    this.#number++;
    if (this.#number > 1) this.#change(this.#number % RELEASE_EVERY === 0);
    const documents = this.#documents();
    return {
      number: this.#number,
      canonical: sha256Hex(documents.manifest),
      chunks: this.#chunks,
      digests: new Set(this.#chunks.map(({ digest }) => digest)),
      files: this.#files.slice(),
      documents,
      frames: this.#frames,
    };
  }

  #change(isRelease: boolean): void {
    const { released, steps, changedFiles } = this.#measured;
    const count = isRelease ? Math.round(released * this.#packages.length) : this.#random.pick(steps).packages;
    const files = this.#choosePackages(count).flat();
    const changed = [
      ...files.filter((file) => this.#frames[file] !== 0 && this.#happens(changedFiles)),
      ...this.#volatile.filter(({ part }) => this.#happens(part)).map(({ file }) => file),
    ];
    const chunks = [...this.#chunks];
    const replaced = new Set<number>();
    for (const file of changed) {
      const growth = this.#random.pick(this.#measured.growth);
      this.#files[file] = this.#number;
      this.#frames[file] = scaled(this.#start.frames[file], growth);
      for (const chunk of this.#changedChunks(file)) {
        if (replaced.has(chunk)) continue;
        replaced.add(chunk);
        chunks[chunk] = this.#newChunk(chunk, this.#isShared[chunk] ? 1 : growth);
      }
    }
    this.#chunks = chunks;
  }

  /** Packages, each as often as the inverse of its rank (Zipf's law). */
  #choosePackages(count: number): (readonly number[])[] {
    const keyed = this.#packages.map((files, index) => ({
      files,
      key: -Math.log(this.#random.bits() / 2 ** 32) * (index + 1),
    }));
    return keyed
      .toSorted((one, other) => one.key - other.key)
      .slice(0, count)
      .map(({ files }) => files);
  }

  /** Chunks with bytes of other files too are new; of its own some, and one at least. */
  #changedChunks(file: number): number[] {
    const { chunks } = this.#start.template.files[file];
    const changed = chunks.filter((chunk) => this.#isShared[chunk] || this.#happens(this.#measured.changedChunks));
    return changed.length > 0 ? changed : chunks.slice(0, 1);
  }

  #newChunk(chunk: number, growth: number): Chunk {
    const { template } = this.#start;
    const digest = digestOf(`chunk ${this.#made++}`);
    for (const reference of template.references[chunk]) reference.digest = digest;
    template.verities[chunk] = digestOf(`verity ${this.#made}`);
    const { size, compressed } = template.chunks[chunk];
    return { digest: digest.toString("hex"), size: scaled(size, growth), compressed };
  }

  /** Those that a build makes of this metadata. */
  #documents(): CanonicalDocuments {
    const { rootfs, verities } = this.#start.template;
    const sorted = this.#chunks
      .map((chunk, index) => ({ ...chunk, verity: verities[index] }))
      .toSorted((one, other) => (one.digest < other.digest ? -1 : 1));
    const fsVerityData = sorted.map(({ digest, verity }) => ({ digest: Buffer.from(digest, "hex"), verity }));
    const metadata = encodeRootfs({ ...rootfs, fsVerityData });
    const described = {
      digest: sha256Hex(metadata),
      size: metadata.length,
      verity: fsVerityDigest(metadata).toString("hex"),
    };
    const manifest = assembleManifest(described, sorted);
    return { metadata, manifest, config: Buffer.from("{}"), platform: hostPlatform() };
  }

  #happens(part: number): boolean {
    return this.#random.bits() < part * 2 ** 32;
  }
}

const scaled = (size: number, growth: number): number => Math.max(LEAST_FRAME, Math.round(size * growth));

const digestOf = (name: string): Buffer => createHash("sha256").update(name).digest();
