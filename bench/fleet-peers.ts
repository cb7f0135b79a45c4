/** Other ways to distribute versions. Where something is not modelled it is left out in favour of them. */
import { createHash } from "node:crypto";
import { zstdCompressSync } from "node:zlib";
import { configOf } from "@puzzlefs/oci";
import { joinSlices, type Slice } from "@puzzlefs/transport";
import type { Newest, Version } from "./fleet-version.ts";
import type { SeriesStart } from "./fleet-series.ts";
import { type Cost, type Strategy, sum } from "./fleet-strategy.ts";

/** Layers of a layered image. */
export const LAYERS = 10;

/** Each chunk is a blob, in the canonical form of PuzzleFS, as skopeo copies it. */
export class ChunkBlobs implements Strategy {
  readonly name = "chunks as blobs";
  readonly #stored = new Set<string>();
  #newest: Newest | undefined;

  publish(version: Newest): number {
    const { chunks, documents } = version;
    const fresh = chunks.filter(({ digest }) => !this.#stored.has(digest));
    for (const { digest } of fresh) this.#stored.add(digest);
    const config = this.#newest === undefined ? documents.config.length : 0;
    this.#newest = version;
    return sum(fresh.map(({ size }) => size)) + documents.metadata.length + documents.manifest.length + config;
  }

  update(from: Version | undefined): Cost {
    if (this.#newest === undefined) throw new Error("no version has been published");
    const { chunks, documents } = this.#newest;
    const { metadata, manifest } = documents;
    const missing = chunks.filter(({ digest }) => from?.digests.has(digest) !== true).map(({ size }) => size);
    const config = from === undefined ? [configOf(manifest, this.name)?.size ?? 0] : [];
    const fetched = [manifest.length, metadata.length, ...config, ...missing];
    return { bytes: sum(fetched), requests: fetched.length };
  }
}

/** Bytes of manifest and configuration of an image of tar layers, as Docker and podman write them. */
export function imageDocuments(layers: readonly number[]): { manifest: number; config: number } {
  const digest = `sha256:${"0".repeat(64)}`;
  const created = "2026-01-01T00:00:00Z";
  const config = {
    architecture: "amd64",
    os: "linux",
    created,
    config: { Cmd: ["/bin/sh"], Env: ["PATH=/usr/bin"] },
    rootfs: { type: "layers", diff_ids: layers.map(() => digest) },
    history: layers.map(() => ({ created, created_by: "/bin/sh -c #(nop) ADD file:0 in /" })),
  };
  const length = JSON.stringify(config).length;
  const type = "application/vnd.oci.image.layer.v1.tar+zstd";
  const manifest = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: { mediaType: "application/vnd.oci.image.config.v1+json", digest, size: length },
    layers: layers.map((size) => ({ mediaType: type, digest, size })),
  };
  return { manifest: JSON.stringify(manifest).length, config: length };
}

/** Tar archives in zstd: the files of a version in one layer or several, each of which is a blob that is fetched if a file in it has changed. */
export class TarLayers implements Strategy {
  readonly name: string;
  /** For each file: the number of its layer. */
  readonly #layerOf: readonly number[];
  readonly #layers: number;
  /** Bytes of an archive against those of frames of its files. */
  readonly #ratio: number;
  #sizes: number[] = [];
  #files: Uint32Array | undefined;

  constructor(name: string, { frames, archive }: SeriesStart, layerOf: readonly number[]) {
    this.name = name;
    this.#layerOf = layerOf;
    this.#layers = Math.max(...layerOf) + 1;
    this.#ratio = archive / sum(frames);
  }

  publish({ frames, files }: Newest): number {
    const before = this.#files;
    this.#files = files;
    const sizes = Array.from({ length: this.#layers }, () => 0);
    for (const [file, size] of frames.entries()) {
      sizes[this.#layerOf[file]] += size;
    }
    this.#sizes = sizes.map((size) => Math.round(size * this.#ratio));
    const changed = this.#changed(before);
    const { manifest, config } = imageDocuments(this.#sizes);
    return manifest + config + sum(this.#sizes.filter((_, layer) => changed[layer]));
  }

  update(from: Version | undefined): Cost {
    const changed = this.#changed(from?.files);
    const { manifest, config } = imageDocuments(this.#sizes);
    const fetched = [manifest, config, ...this.#sizes.filter((_, layer) => changed[layer])];
    return { bytes: sum(fetched), requests: fetched.length };
  }

  /** For each layer: whether a file in it has other content than in `before`. */
  #changed(before: Uint32Array | undefined): boolean[] {
    const changed = Array.from({ length: this.#layers }, () => false);
    for (const [file, version] of this.#files?.entries() ?? [])
      if (before?.[file] !== version) changed[this.#layerOf[file]] = true;
    return changed;
  }
}

/** One layer of frames, one for each file, and a table of contents: files that a node has are left out, as by podman with zstd:chunked. */
export class FileFrames implements Strategy {
  readonly name = "zstd:chunked-like";
  readonly #contents: number;
  #frames: readonly number[] = [];
  #files: Uint32Array = new Uint32Array();

  constructor({ template }: SeriesStart) {
    const digest = (file: number): string => createHash("sha256").update(`${file}`).digest("hex");
    const entries = template.files.map(({ path, size, inode }, file) => ({
      type: "reg",
      name: path,
      mode: inode.permissions,
      size,
      uid: inode.uid,
      gid: inode.gid,
      modtime: "1970-01-01T00:00:00Z",
      digest: `sha256:${digest(file)}`,
      offset: file,
      endOffset: file,
    }));
    this.#contents = zstdCompressSync(JSON.stringify({ version: 1, entries })).length;
  }

  publish({ frames, files }: Newest): number {
    this.#frames = frames;
    this.#files = files;
    const { manifest, config } = imageDocuments([0]);
    return manifest + config + this.#contents + sum(frames);
  }

  update(from: Version | undefined): Cost {
    const wanted: Slice[] = [];
    let offset = 0;
    for (const [file, size] of this.#frames.entries()) {
      if (size > 0 && from?.files[file] !== this.#files[file]) wanted.push({ offset, size });
      offset += size;
    }
    const { manifest, config } = imageDocuments([0]);
    const ranges = joinSlices(wanted, offset);
    const fetched = [manifest, config, this.#contents, ...ranges.map(({ start, end }) => end - start)];
    return { bytes: sum(fetched), requests: fetched.length };
  }
}
