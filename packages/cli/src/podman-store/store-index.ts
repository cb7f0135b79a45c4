import { isHexDigest } from "@puzzlefs/oci";

/** The directory is not a store that this command made, or is damaged. */
export class PodmanStoreError extends Error {
  override readonly name = "PodmanStoreError";
  readonly path: string;

  constructor(path: string, problem: string) {
    super(`${path}: ${problem}`);
    this.path = path;
  }
}

/** An image of the store, as images.json has it. Digests are hex sha256. */
export interface StoreImage {
  /** That of the configuration. */
  id: string;
  /** That of the manifest. */
  digest: string;
  names: string[];
  /** The layer's id. */
  layer: string;
  /** RFC 3339. */
  created: string;
  manifestBytes: number;
  configBytes: number;
}

/** A layer of the store: the tree of one image. */
export interface StoreLayer {
  /** Hex sha256 of the canonical manifest. */
  id: string;
  created: string;
  contentBytes: number;
  /** Where it is mounted from. */
  origin: Origin;
}

export interface Origin {
  /** The layout; absolute. */
  ociDir: string;
  /** Mount options, as after -o. */
  options: string[];
}

export interface StoreIndex {
  images: StoreImage[];
  layers: StoreLayer[];
}

export const MANIFEST_NAME = "manifest";

/** The names of an image's documents in images.json. */
export function configName({ id }: Pick<StoreImage, "id">): string {
  return `sha256:${id}`;
}

/** The file name of a document: containers/storage encodes names with other characters than small letters, digits and dots. */
export function documentFile(name: string): string {
  return /^[a-z0-9.]+$/.test(name) ? name : `=${Buffer.from(name).toString("base64")}`;
}

/** The text of images.json. */
export function imagesText(images: readonly StoreImage[]): string {
  return JSON.stringify(
    images.map((image) => ({
      id: image.id,
      digest: `sha256:${image.digest}`,
      ...(image.names.length > 0 && { names: image.names }),
      layer: image.layer,
      "big-data-names": [MANIFEST_NAME, configName(image)],
      "big-data-sizes": { [MANIFEST_NAME]: image.manifestBytes, [configName(image)]: image.configBytes },
      "big-data-digests": { [MANIFEST_NAME]: `sha256:${image.digest}`, [configName(image)]: `sha256:${image.id}` },
      created: image.created,
    })),
  );
}

/** The text of layers.json. A layer's tree is not an archive: the digest is the tree's, which no archive has. */
export function layersText(layers: readonly StoreLayer[]): string {
  return JSON.stringify(
    layers.map(({ id, created, contentBytes, origin }) => ({
      id,
      metadata: JSON.stringify({ puzzlefs: origin }),
      created,
      "diff-digest": `sha256:${id}`,
      "diff-size": contentBytes,
    })),
  );
}

/** Reads what imagesText() wrote. Throws PodmanStoreError for anything else. */
export function parseImages(text: string, path: string): StoreImage[] {
  return parseList(text, path, (entry) => {
    const { id, digest, names = [], layer, created, "big-data-sizes": sizes } = entry;
    const hex = hexOf(digest);
    if (!isHex(id) || hex === undefined || !isHex(layer) || !isTexts(names) || typeof created !== "string") return;
    if (!isObject(sizes)) return;
    const { [MANIFEST_NAME]: manifestBytes, [configName({ id })]: configBytes } = sizes;
    if (!isSize(manifestBytes) || !isSize(configBytes)) return;
    return { id, digest: hex, names, layer, created, manifestBytes, configBytes };
  });
}

/** Reads what layersText() wrote. Throws PodmanStoreError for anything else. */
export function parseLayers(text: string, path: string): StoreLayer[] {
  return parseList(text, path, ({ id, created, metadata, "diff-size": contentBytes }) => {
    const origin = typeof metadata === "string" ? readOrigin(metadata) : undefined;
    if (!isHex(id) || typeof created !== "string" || !isSize(contentBytes) || origin === undefined) return;
    return { id, created, contentBytes, origin };
  });
}

function readOrigin(text: string): Origin | undefined {
  const value = parse(text);
  if (!isObject(value) || !isObject(value["puzzlefs"])) return undefined;
  const { ociDir, options } = value["puzzlefs"];
  return typeof ociDir === "string" && ociDir.startsWith("/") && isTexts(options) ? { ociDir, options } : undefined;
}

function parseList<T>(text: string, path: string, read: (entry: Record<string, unknown>) => T | undefined): T[] {
  const value = parse(text);
  if (!Array.isArray(value)) throw new PodmanStoreError(path, "not a JSON array");
  return value.map((entry: unknown, index) => {
    const found = isObject(entry) ? read(entry) : undefined;
    if (found !== undefined) return found;
    throw new PodmanStoreError(path, `entry ${index} is not of puzzlefs: another program's store cannot be used`);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function hexOf(digest: unknown): string | undefined {
  const hex = typeof digest === "string" && digest.startsWith("sha256:") ? digest.slice(7) : "";
  return isHexDigest(hex) ? hex : undefined;
}

function isHex(value: unknown): value is string {
  return typeof value === "string" && isHexDigest(value);
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isSize(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
