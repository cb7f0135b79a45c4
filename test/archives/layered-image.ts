import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";

/** Ordinary images made of given archives, as another program would have stored them. */

export type Compression = "none" | "gzip" | "zstd";

export interface MadeImage {
  /** Members of the configuration, beside those that every one has. */
  config?: Record<string, unknown>;
  annotations?: Record<string, string>;
  /** Of the layers, in their order; the last is for those that follow. Default: gzip. */
  compression?: readonly Compression[];
  /** Compresses a layer instead. */
  compress?: (archive: Uint8Array) => Uint8Array;
  /** Media types as Docker has them. */
  docker?: boolean;
  /** Changes the manifest at the end. */
  manifest?: (manifest: Record<string, unknown>) => void;
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Puts a blob into a layout; returns its descriptor. */
export function putBlob(layout: string, mediaType: string, bytes: Uint8Array): Record<string, unknown> {
  mkdirSync(join(layout, "blobs/sha256"), { recursive: true });
  writeFileSync(join(layout, "blobs/sha256", sha256(bytes)), bytes);
  return { mediaType, digest: `sha256:${sha256(bytes)}`, size: bytes.length };
}

export function writeIndex(layout: string, manifests: readonly unknown[]): void {
  writeFileSync(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
}

const compressors = {
  none: (bytes: Uint8Array): Uint8Array => bytes,
  gzip: (bytes: Uint8Array): Uint8Array => gzipSync(bytes, { level: 1 }),
  zstd: (bytes: Uint8Array): Uint8Array => zstdCompressSync(bytes),
};

const oci = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
};
const docker = {
  manifest: "application/vnd.docker.distribution.manifest.v2+json",
  config: "application/vnd.docker.container.image.v1+json",
};

function layerType(isDocker: boolean, compression: Compression): string {
  const base = isDocker ? "application/vnd.docker.image.rootfs.diff.tar" : "application/vnd.oci.image.layer.v1.tar";
  return compression === "none" ? base : `${base}${isDocker ? "." : "+"}${compression}`;
}

/** Puts an image into a layout, but for index.json. Returns the descriptor of its manifest. */
export function putImage(
  layout: string,
  archives: readonly Uint8Array[],
  made: MadeImage = {},
): Record<string, unknown> {
  const types = made.docker === true ? docker : oci;
  const layers = archives.map((archive, index) => {
    const compression = made.compression?.[index] ?? made.compression?.at(-1) ?? "gzip";
    return putBlob(
      layout,
      layerType(made.docker === true, compression),
      (made.compress ?? compressors[compression])(archive),
    );
  });
  const rootfs = { type: "layers", diff_ids: archives.map((archive) => `sha256:${sha256(archive)}`) };
  const config = { architecture: "amd64", os: "linux", rootfs, history: archives.map(() => ({})), ...made.config };
  const manifest: Record<string, unknown> = {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: putBlob(layout, types.config, Buffer.from(JSON.stringify(config))),
    layers,
    ...(made.annotations && { annotations: made.annotations }),
  };
  made.manifest?.(manifest);
  return putBlob(layout, types.manifest, Buffer.from(JSON.stringify(manifest)));
}

/** A layout with one image. */
export function makeImage(layout: string, archives: readonly Uint8Array[], made: MadeImage = {}, tag = "image"): void {
  const descriptor = putImage(layout, archives, made);
  const annotations = { "org.opencontainers.image.ref.name": tag };
  writeIndex(layout, [{ ...descriptor, annotations, platform: { architecture: "amd64", os: "linux" } }]);
}
