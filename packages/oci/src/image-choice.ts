import { BUNDLE_TYPE, MAX_MANIFEST_BYTES } from "@puzzlefs/format";
import { escapeText, SystemError } from "@puzzlefs/linux";
import type { BlobDirectory } from "./blob-directory.ts";
import { digestHex } from "./digests.ts";
import { LayoutError } from "./errors.ts";
import { ImageIndex, INDEX_LIMIT, isIndexType, type IndexEntry } from "./index-json.ts";
import {
  canonicalOf,
  describeManifest,
  DOCKER_MANIFEST_TYPE,
  isPuzzlefs,
  MANIFEST_TYPE,
  printableType,
} from "./manifest.ts";
import { hostPlatform, type Platform, platformText, rankOf } from "./platform.ts";

/** Selects one of several images of a tag. */
export interface PlatformChoice {
  /** This platform or none. Default: `preferred`, and where there is none for it, the only image that there is. */
  platform?: Platform;
  /** Default: this machine's. */
  preferred?: Platform;
}

/** An entry of an index, and the kind of its target. */
export interface IndexedImage extends IndexEntry {
  /** Hex sha256 of the manifest; undefined: another algorithm, or none. */
  hex: string | undefined;
  /**
   * Whether it is a PuzzleFS image, an entry of another tool, or a blob that is not in the layout or cannot be read. An image
   * is recognized by its media types; it may be corrupt.
   */
  kind: "puzzlefs" | "foreign" | "missing" | "unreadable";
  /** Why it is missing or unreadable. */
  error?: unknown;
  /** A foreign entry's kind, by its media types. */
  description?: string;
  /** Of a packed image: hex sha256 of the canonical manifest, which names the image. */
  canonical?: string;
}

/** Bytes of all nested indexes that one look-up reads at most. */
const NESTED_LIMIT = 8 * INDEX_LIMIT;
/** Bytes for which each of them counts at least. */
const NESTED_LEAST = 4096;
/** Indexes inside each other. Tools make two. */
const NESTED_DEPTH = 8;
/** In a PuzzleFS manifest the first blob with a PuzzleFS media type is within these bytes. */
const HEAD_BYTES = 4096;

/** Follows the entries of an index to images. */
export class ImageChooser {
  readonly #blobs: BlobDirectory;
  /** Of index.json, for messages. */
  readonly #path: string;
  #nestedBytes = 0;

  constructor(blobs: BlobDirectory, path: string) {
    this.#blobs = blobs;
    this.#path = path;
  }

  /**
   * The target of an entry: itself, or the PuzzleFS images in an index. An index without any is itself foreign. Throws
   * LayoutError (unsupported) if the indexes are too large.
   */
  imagesOf(entry: IndexEntry): IndexedImage[] {
    const images = [...this.#leaves(entry)].map((leaf) => this.#look(leaf));
    if (!isIndexType(entry.mediaType)) return images;
    const ours = images.filter(isOurs);
    return ours.length > 0 ? ours : [this.#look(entry)];
  }

  /**
   * The image that `name` means, of the entries that have that tag. Throws LayoutError: foreign, missing, corrupt, or absent where
   * there is none for the platform.
   */
  choose(name: string, entries: readonly IndexEntry[], choice: PlatformChoice): IndexedImage {
    const wanted = choice.platform ?? choice.preferred ?? hostPlatform();
    const images = entries.flatMap((entry) => this.imagesOf(entry));
    const ranked = images
      .map((image) => ({ image, rank: image.platform === "unknown" ? undefined : rankOf(image.platform, wanted) }))
      .toSorted((a, b) => (a.rank ?? Infinity) - (b.rank ?? Infinity) || 0);
    const serving = ranked.filter(({ rank }) => rank !== undefined).map(({ image }) => image);
    const chosen = serving.find(isOurs);
    if (chosen !== undefined) return chosen;
    const ours = images.filter(isOurs);
    const [only] = ours;
    if (choice.platform === undefined && only !== undefined && ours.every(({ hex }) => hex === only.hex)) return only;
    if (only !== undefined) {
      const platforms = [...new Set(ours.map(({ platform }) => platformName(platform)))].join(", ");
      const advice = choice.platform === undefined ? "; --platform names one" : "";
      throw this.#error("absent", `no image ${name} for ${platformText(wanted)}, but for ${platforms}${advice}`);
    }
    const [first = ranked[0]?.image] = serving;
    if (first === undefined) throw this.#error("absent", `${name} is an empty index`);
    if (first.error !== undefined) throw first.error;
    throw this.#error("foreign", `${name} is not a PuzzleFS image: ${first.description}`);
  }

  /**
   * The ordinary image of OCI or Docker, not of PuzzleFS, that `name` means, as choose() does. An index of build systems may have
   * entries for an unknown platform, which are no images. Throws LayoutError: absent, missing, unsupported.
   */
  chooseLayered(name: string, entries: readonly IndexEntry[], choice: PlatformChoice): string {
    const wanted = choice.platform ?? choice.preferred ?? hostPlatform();
    const leaves = entries.flatMap((entry) => [...this.#leaves(entry)]).filter(isLayered);
    const images = leaves.map((entry) => this.#look(entry)).filter((image) => !isOurs(image));
    const ranked = images
      .map(({ hex, platform }) => ({ hex, rank: platform === "unknown" ? undefined : rankOf(platform, wanted) }))
      .toSorted((a, b) => (a.rank ?? Infinity) - (b.rank ?? Infinity) || 0);
    const [best] = ranked;
    const isOnly = choice.platform === undefined && ranked.every(({ hex }) => hex === best?.hex);
    if (best?.hex !== undefined && (best.rank !== undefined || isOnly)) return best.hex;
    if (best === undefined)
      throw this.#error("unsupported", `${name} is no ordinary image: it has no manifest of OCI or Docker`);
    const platforms = [...new Set(images.map(({ platform }) => platformName(platform)))].join(", ");
    throw this.#error(
      "absent",
      `no image ${name} for ${platformText(wanted)}, but for ${platforms}; --platform names one`,
    );
  }

  #error(kind: "absent" | "foreign" | "unsupported", message: string): LayoutError {
    return new LayoutError(kind, this.#path, message);
  }

  /** The entry, or the entries of the index that it refers to; none if that index has been `seen`. */
  *#leaves(entry: IndexEntry, depth = 0, seen = new Set<string>()): Generator<IndexEntry> {
    const hex = digestHex(entry.digest ?? "");
    if (!isIndexType(entry.mediaType) || hex === undefined || depth >= NESTED_DEPTH) return void (yield entry);
    if (seen.has(hex)) return;
    seen.add(hex);
    const index = this.#nested(hex);
    if (index === undefined) return void (yield entry);
    for (const child of index.entries())
      yield* this.#leaves({ ...child, tag: entry.tag, platform: child.platform ?? entry.platform }, depth + 1, seen);
  }

  /** An index that is a blob; undefined where it cannot be read: then the entry is looked at as any other. */
  #nested(hex: string): ImageIndex | undefined {
    this.#nestedBytes += Math.max(this.#blobs.size(hex) ?? 0, NESTED_LEAST);
    if (this.#nestedBytes > NESTED_LIMIT)
      throw this.#error("unsupported", `indexes inside of it of more than ${NESTED_LIMIT} bytes`);
    try {
      return ImageIndex.parse(this.#blobs.read(hex, INDEX_LIMIT), this.#blobs.pathOf(hex));
    } catch (error) {
      if (error instanceof LayoutError || error instanceof SystemError) return undefined;
      throw error;
    }
  }

  #look(entry: IndexEntry): IndexedImage {
    const { mediaType, digest, size = 0 } = entry;
    const hex = digestHex(digest ?? "");
    const type = printableType(mediaType);
    const foreign = (description: string): IndexedImage => ({ ...entry, hex, kind: "foreign", description });
    if (hex === undefined) return foreign(`${type}, without a sha256 as its digest`);
    if (size > MAX_MANIFEST_BYTES) return foreign(`${type} of ${size} bytes`);
    if (mediaType !== undefined && mediaType !== MANIFEST_TYPE && !isIndexType(mediaType)) return foreign(type);
    try {
      const head = this.#blobs.head(hex, HEAD_BYTES);
      if (isIndexType(mediaType)) return foreign(type);
      if (isPuzzlefs(head) && !head.includes(BUNDLE_TYPE)) return { ...entry, hex, kind: "puzzlefs" };
      const manifest = this.#blobs.read(hex, MAX_MANIFEST_BYTES);
      if (!isPuzzlefs(manifest)) return foreign(describeManifest(manifest));
      const canonical = canonicalOf(manifest);
      return { ...entry, hex, kind: "puzzlefs", ...(canonical !== undefined && { canonical }) };
    } catch (error) {
      if (!(error instanceof LayoutError || error instanceof SystemError)) throw error;
      const isMissing = error instanceof LayoutError && error.kind === "missing";
      return { ...entry, hex, kind: isMissing ? "missing" : "unreadable", error };
    }
  }
}

/** Whether an entry may be an ordinary image, by its media type and platform. */
function isLayered({ mediaType, platform }: IndexEntry): boolean {
  const isManifest = mediaType === undefined || mediaType === MANIFEST_TYPE || mediaType === DOCKER_MANIFEST_TYPE;
  return isManifest && (typeof platform !== "object" || platform.os !== "unknown");
}

function isOurs({ kind }: IndexedImage): boolean {
  return kind === "puzzlefs";
}

export function platformName(platform: IndexEntry["platform"]): string {
  if (platform === undefined) return "any platform";
  return platform === "unknown" ? "an unknown platform" : escapeText(platformText(platform));
}
