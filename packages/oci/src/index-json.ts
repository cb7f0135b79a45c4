import { canonicalJson } from "./canonical-json.ts";
import { LayoutError } from "./errors.ts";

/** The annotation that holds a tag. */
export const REF_NAME = "org.opencontainers.image.ref.name";

/** The hardware and system that an image is for, in Go's names ("amd64", "linux"). */
export interface Platform {
  architecture: string;
  os: string;
  [other: string]: unknown;
}

/** A reference to a blob, as OCI documents hold it. Fields that we do not know are kept. */
export interface Descriptor {
  mediaType: string;
  /** "sha256:<64 hex>"; other algorithms occur in foreign layouts. */
  digest: string;
  /** Bytes as stored. */
  size: number;
  annotations?: Record<string, string>;
  platform?: Platform;
  [other: string]: unknown;
}

/** index.json: the entry points of a layout. */
export interface ImageIndex {
  schemaVersion: 2;
  manifests: Descriptor[];
  [other: string]: unknown;
}

/** An index without entries. */
export function emptyIndex(): ImageIndex {
  return { schemaVersion: 2, manifests: [] };
}

/** Checks the shape of index.json. `path` is for messages. Throws LayoutError. */
export function parseIndex(text: string, path: string): ImageIndex {
  const index = parseObject(text, path);
  if (index["schemaVersion"] !== 2) throw new LayoutError("unsupported", path, "schemaVersion is not 2");
  const manifests = index["manifests"];
  if (!Array.isArray(manifests)) throw new LayoutError("corrupt", path, "manifests is not an array");
  return {
    ...index,
    schemaVersion: 2,
    manifests: manifests.map((entry, i) => parseDescriptor(entry, path, `manifests[${i}]`)),
  };
}

/** The bytes of index.json: equal indexes give equal bytes. */
export function formatIndex(index: ImageIndex): string {
  return canonicalJson(index);
}

/** The tag of a descriptor, if it has one. */
export function tagOf(descriptor: Descriptor): string | undefined {
  return descriptor.annotations?.[REF_NAME];
}

/**
 * The index in which `tag` means `descriptor`: in the place of what the tag meant before (further entries with that
 * tag go), else at the end. Everything else stays.
 */
export function withTag(index: ImageIndex, tag: string, descriptor: Descriptor): ImageIndex {
  const tagged: Descriptor = { ...descriptor, annotations: { ...descriptor.annotations, [REF_NAME]: tag } };
  const place = index.manifests.findIndex((entry) => tagOf(entry) === tag);
  if (place === -1) return { ...index, manifests: [...index.manifests, tagged] };
  const manifests = index.manifests.with(place, tagged);
  return { ...index, manifests: manifests.filter((entry, i) => i === place || tagOf(entry) !== tag) };
}

/** Parses a JSON object. Throws LayoutError (corrupt). */
export function parseObject(text: string, path: string): Record<string, unknown> {
  const value = parseJson(text, (problem) => new LayoutError("corrupt", path, problem));
  if (!isObject(value)) throw new LayoutError("corrupt", path, "not a JSON object");
  return value;
}

/**
 * JSON.parse() whose error quotes nothing of the text: it may be what the user who sees the message must not read.
 * `failure` makes the error from what is wrong and where.
 */
export function parseJson(text: string, failure: (problem: string) => Error): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const [, position] = / in JSON at position \d+ \((line \d+ column \d+)\)$/.exec(error.message) ?? [];
    throw failure(position === undefined ? "not JSON" : `not JSON: wrong at ${position}`);
  }
}

/** The value as a descriptor; `where` names it in messages. Throws LayoutError (corrupt). */
export function parseDescriptor(value: unknown, path: string, where: string): Descriptor {
  checkDescriptor(value, path, where);
  return value;
}

function checkDescriptor(value: unknown, path: string, where: string): asserts value is Descriptor {
  const problem = descriptorProblem(value);
  if (problem !== undefined) throw new LayoutError("corrupt", path, `${where}: ${problem}`);
}

/** What keeps a value from being a descriptor, in words; undefined when it is one. */
function descriptorProblem(value: unknown): string | undefined {
  if (!isObject(value)) return "not an object";
  if (typeof value["mediaType"] !== "string") return "mediaType is not a string";
  if (typeof value["digest"] !== "string" || !/^[a-z0-9+._-]+:[\w=-]+$/.test(value["digest"])) return "bad digest";
  if (!Number.isSafeInteger(value["size"]) || Number(value["size"]) < 0) return "size is not a number of bytes";
  const { annotations, platform } = value;
  if (annotations !== undefined && !(isObject(annotations) && Object.values(annotations).every(isString)))
    return "annotations are not strings";
  if (platform !== undefined && !(isObject(platform) && isString(platform["architecture"]) && isString(platform["os"])))
    return "platform lacks architecture or os";
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isString(value: unknown): value is string {
  return typeof value === "string";
}
