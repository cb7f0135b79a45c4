import { MAX_MANIFEST_BYTES } from "@puzzlefs/format";
import { digestHex } from "./digests.ts";
import { LayoutError } from "./errors.ts";
import { CONFIG_LIMIT, type ImageConfig, parseImageConfig } from "./image-config.ts";
import type { Layout } from "./image-layout.ts";
import type { PlatformChoice } from "./image-choice.ts";
import { isObject, parseObject } from "./json.ts";
import { annotationsOf, isPuzzlefs } from "./manifest.ts";
import { platformText, rankOf } from "./platform.ts";

/** A layer of an ordinary OCI or Docker image: a tar archive. */
export interface LayerArchive {
  /** Hex sha256 of the blob. */
  digest: string;
  /** Stored bytes. */
  size: number;
  compression: "none" | "gzip" | "zstd";
  /** Hex sha256 of the uncompressed archive, from the configuration. */
  diffId: string;
}

/** An ordinary OCI or Docker image. */
export interface LayeredImage {
  /** Hex sha256 of the manifest. */
  digest: string;
  /** The lowest first. */
  layers: LayerArchive[];
  config: ImageConfig;
  /** The whole configuration, as JSON.parse() has it. */
  configuration: Record<string, unknown>;
  /** Of the manifest. */
  annotations: Record<string, string>;
}

/** Media types of layers of OCI and Docker, those that are not to be distributed among them. */
const LAYER_TYPE =
  /^application\/vnd\.(?:oci\.image\.layer(?:\.nondistributable)?\.v1\.tar|docker\.image\.rootfs(?:\.foreign)?\.diff\.tar)(?:[+.](gzip|zstd))?$/;
const CONFIG_TYPES = new Set([
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json",
]);
/** Layers that Docker makes at most; overlayfs mounts 500. */
const MOST_LAYERS = 1000;

/**
 * Reads manifest and configuration of the ordinary image that a reference means, as Layout.manifest() does for images of PuzzleFS. Throws
 * LayoutError: absent, missing, corrupt; unsupported for an artifact or a layer that is no tar archive; refused for an image of PuzzleFS.
 */
export function readLayeredImage(layout: Layout, reference: string, choice: PlatformChoice = {}): LayeredImage {
  const { blobs } = layout;
  const digest = layout.layeredManifest(reference, choice);
  const bytes = blobs.read(digest, MAX_MANIFEST_BYTES);
  const path = blobs.pathOf(digest);
  if (isPuzzlefs(bytes)) throw new LayoutError("refused", path, "it is an image of PuzzleFS already");
  const manifest = parseObject(bytes.toString("utf8"), path);
  if (manifest["schemaVersion"] !== 2) throw new LayoutError("unsupported", path, "schemaVersion is not 2");
  const { type, hex, size } = descriptorOf(manifest["config"], "config", path);
  if (!CONFIG_TYPES.has(type)) throw new LayoutError("unsupported", path, "its configuration is not that of an image");
  const configBytes = blobs.read(hex, CONFIG_LIMIT);
  if (configBytes.length !== size)
    throw new LayoutError(
      "corrupt",
      blobs.pathOf(hex),
      `it has ${configBytes.length} bytes, the manifest lists it with ${size}`,
    );
  const config = parseImageConfig(configBytes, blobs.pathOf(hex));
  checkPlatform(config, choice, path);
  const configuration = parseObject(configBytes.toString("utf8"), blobs.pathOf(hex));
  const layers = layersOf(manifest["layers"], diffIdsOf(configuration, blobs.pathOf(hex)), path);
  return { digest, layers, config, configuration, annotations: annotationsOf(bytes, path) ?? {} };
}

function checkPlatform(config: ImageConfig, { platform }: PlatformChoice, path: string): void {
  const { os, architecture, variant } = config;
  const own = { os, architecture, ...(typeof variant === "string" && { variant }) };
  if (platform === undefined || rankOf(own, platform) !== undefined) return;
  throw new LayoutError("absent", path, `it is for ${platformText(own)}, not for ${platformText(platform)}`);
}

function layersOf(list: unknown, diffIds: readonly string[], path: string): LayerArchive[] {
  if (!Array.isArray(list)) throw new LayoutError("corrupt", path, "layers is not a list");
  if (list.length > MOST_LAYERS) throw new LayoutError("unsupported", path, `more than ${MOST_LAYERS} layers`);
  if (list.length !== diffIds.length) {
    const problem = `${list.length} layers, but the configuration lists ${diffIds.length} (rootfs.diff_ids)`;
    throw new LayoutError("corrupt", path, problem);
  }
  return list.map((item, index) => {
    const { type, hex, size } = descriptorOf(item, `layer ${index + 1}`, path);
    const match = LAYER_TYPE.exec(type);
    if (match === null)
      throw new LayoutError("unsupported", path, `layer ${index + 1} is not a tar archive, as far as is known`);
    const compression = (match[1] ?? "none") as LayerArchive["compression"];
    return { digest: hex, size, compression, diffId: diffIds[index] };
  });
}

function diffIdsOf(configuration: Record<string, unknown>, path: string): string[] {
  const rootfs = configuration["rootfs"];
  const ids = isObject(rootfs) ? (rootfs["diff_ids"] ?? []) : [];
  return (Array.isArray(ids) ? ids : []).map((id) => {
    const hex = typeof id === "string" ? digestHex(id) : undefined;
    if (hex === undefined) throw new LayoutError("unsupported", path, "rootfs.diff_ids has a digest that is no sha256");
    return hex;
  });
}

function descriptorOf(value: unknown, name: string, path: string): { type: string; hex: string; size: number } {
  const { mediaType, digest, size } = isObject(value) ? value : {};
  const hex = typeof digest === "string" ? digestHex(digest) : undefined;
  if (typeof mediaType !== "string" || hex === undefined || !Number.isSafeInteger(size) || (size as number) < 0)
    throw new LayoutError(
      "corrupt",
      path,
      `${name}: mediaType, digest (sha256) or size is missing, or not of its type`,
    );
  return { type: mediaType, hex, size: size as number };
}
