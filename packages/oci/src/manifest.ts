import {
  BUNDLE_TYPE,
  CHUNK_TYPE,
  COMPRESSED_CHUNK_TYPE,
  FormatError,
  isPackedManifest,
  manifestBlobs,
  MAX_MANIFEST_BYTES,
  MEDIA_TYPE_PREFIX,
  readPackedManifest,
  ROOTFS_TYPE,
  VERITY_ANNOTATION,
} from "@puzzlefs/format";
import type { ManifestBlob } from "@puzzlefs/format";
import { canonicalJson } from "./canonical-json.ts";
import { LayoutError } from "./errors.ts";
import { CONFIG_TYPE } from "./image-config.ts";
import type { Descriptor } from "./index-json.ts";
import { isObject, parseObject } from "./json.ts";
import { elements, isArrayAt, isObjectAt, JsonTextError, pick, textAt, wholeValue } from "./json-spans.ts";

export const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
/** That of an ordinary image of Docker's. */
export const DOCKER_MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json";

/** The type of a signature as an artifact, and of its layer. */
export const SIGNATURE_TYPE = "application/vnd.puzzlefs.signature.v1+minisign";

/** The config of an image that was built without one: the blob `{}` ("e30=" in base64). */
export const EMPTY_CONFIG = {
  mediaType: "application/vnd.oci.empty.v1+json",
  digest: "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
  size: 2,
  data: "e30=",
} as const;

/** The metadata blob of an image. */
export interface RootfsBlob {
  /** sha256, hex. */
  digest: string;
  /** Bytes. */
  size: number;
  /** fs-verity digest, hex. */
  verity: string;
}

/** An image configuration that is a blob. */
export interface ConfigBlob {
  /** sha256, hex. */
  digest: string;
  /** Bytes. */
  size: number;
}

/** A chunk blob of an image. */
export interface ChunkBlob {
  /** sha256 of the stored bytes, hex. */
  digest: string;
  /** Stored bytes. */
  size: number;
  /** Whether the blob is in the zstd seekable format. */
  compressed: boolean;
}

/**
 * The manifest of an image (docs/format.md §1): the metadata blob first, then every chunk once, in the order in which
 * they first come. Pass all chunks that the image can reach, those of a base image too. Equal input, equal bytes.
 */
export function assembleManifest(
  rootfs: RootfsBlob,
  chunks: Iterable<ChunkBlob>,
  config?: ConfigBlob,
  annotations?: Record<string, string>,
): Buffer {
  const metadata: Descriptor = {
    mediaType: ROOTFS_TYPE,
    digest: `sha256:${rootfs.digest}`,
    size: rootfs.size,
    annotations: { [VERITY_ANNOTATION]: rootfs.verity },
  };
  const configuration: Descriptor =
    config === undefined
      ? EMPTY_CONFIG
      : { mediaType: CONFIG_TYPE, digest: `sha256:${config.digest}`, size: config.size };
  const frame = canonicalJson({ annotations, schemaVersion: 2, config: configuration, layers: [metadata] });
  const end = frame.lastIndexOf("]");
  return Buffer.concat([Buffer.from(frame.slice(0, end)), chunkLayers(chunks), Buffer.from(frame.slice(end))]);
}

/** The descriptors of chunks as they follow that of the metadata blob in a canonical manifest. */
export function chunkLayers(chunks: Iterable<ChunkBlob>): Buffer {
  // Chunks come by the hundred thousand, so their descriptors are written straight down, in canonical form.
  const seen = new Set<string>();
  const pieces: string[] = [];
  for (const { digest, size, compressed } of chunks) {
    if (seen.has(digest)) continue;
    seen.add(digest);
    const mediaType = compressed ? COMPRESSED_CHUNK_TYPE : CHUNK_TYPE;
    pieces.push(`,{"digest":"sha256:${digest}","mediaType":"${mediaType}","size":${size}}`);
  }
  return Buffer.from(pieces.join(""));
}

/** Every blob that a manifest needs, in the order of its text. Throws LayoutError. */
export function referencedBlobs(manifest: Uint8Array, path: string): ManifestBlob[] {
  if (manifest.length > MAX_MANIFEST_BYTES)
    throw new LayoutError("refused", path, `manifest of ${manifest.length} bytes, more than ${MAX_MANIFEST_BYTES}`);
  try {
    return [...manifestBlobs(manifest)];
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new LayoutError(error.kind, path, error.message, error);
  }
}

/** The descriptor of an image's configuration, if it has one. The manifest has been read before. Throws LayoutError. */
export function configOf(manifest: Uint8Array, path: string): Descriptor | undefined {
  const { config } = parseObject(Buffer.from(manifest).toString("utf8"), path);
  if (config === undefined || config === null) return undefined;
  const { mediaType, digest, size } = isObject(config) ? config : {};
  if (typeof mediaType !== "string" || typeof digest !== "string" || typeof size !== "number")
    throw new LayoutError("corrupt", path, "config: mediaType, digest or size is missing, or not of its type");
  return { mediaType, digest, size };
}

/** The annotations of a manifest; undefined if it has none. Throws LayoutError. */
export function annotationsOf(manifest: Uint8Array, path: string): Record<string, string> | undefined {
  const { annotations } = parseObject(Buffer.from(manifest).toString("utf8"), path);
  if (annotations === undefined || annotations === null) return undefined;
  if (!isObject(annotations) || !Object.values(annotations).every((value) => typeof value === "string"))
    throw new LayoutError("corrupt", path, "annotations is not an object of strings");
  return annotations as Record<string, string>;
}

/** Whether a manifest is that of a PuzzleFS image, corrupt or not: whether it lists a blob with a PuzzleFS media type. */
export function isPuzzlefs(manifest: Buffer): boolean {
  if (manifest.includes(MEDIA_TYPE_PREFIX)) return true;
  // How it is spelled without escapes.
  if (!manifest.includes("\\")) return false;
  try {
    for (const { type } of manifestBlobs(manifest)) if (type !== "config" && type !== "other") return true;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
  }
  return false;
}

/** The sha256, hex, of the canonical manifest that a packed manifest records; undefined for any other manifest. */
export function canonicalOf(manifest: Buffer): string | undefined {
  if (!manifest.includes(BUNDLE_TYPE) && !manifest.includes("\\")) return undefined;
  try {
    return isPackedManifest(manifest) ? readPackedManifest(manifest).canonical : undefined;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return undefined;
  }
}

/** A media type as it is; a value of another form is not shown. */
export function printableType(mediaType: string | undefined): string {
  return /^[\w.+-]{1,80}\/[\w.+-]{1,80}$/.test(mediaType ?? "") ? `${mediaType}` : "something of an unknown media type";
}

/** The kind of a foreign manifest, by media types. */
export function describeManifest(manifest: Buffer): string {
  const type = contentType(manifest);
  return type === undefined ? `not ${MANIFEST_TYPE}` : `${MANIFEST_TYPE} of ${printableType(type)}`;
}

/** The media type of an artifact, of the first layer, or of the configuration. */
function contentType(manifest: Buffer): string | undefined {
  const text = manifest.toString("latin1");
  try {
    const whole = wholeValue(text);
    if (!isObjectAt(text, whole)) return undefined;
    const { artifactType, layers, config } = pick(text, whole, "artifactType", "layers", "config");
    const [layer] = isArrayAt(text, layers) ? elements(text, layers) : [];
    const types = [layer, config].map((span) => isObjectAt(text, span) && pick(text, span, "mediaType").mediaType);
    return [artifactType, ...types].map((span) => textAt(text, span || undefined)).find((type) => type !== undefined);
  } catch (error) {
    if (!(error instanceof JsonTextError)) throw error;
    return undefined;
  }
}
