import { FormatError, isPackedManifest } from "@puzzlefs/format";
import {
  describeManifest,
  digestHex,
  hostPlatform,
  ImageIndex,
  type IndexEntry,
  isIndexType,
  isPuzzlefs,
  LayoutError,
  type Platform,
  type PlatformChoice,
  platformText,
  rankOf,
} from "@puzzlefs/oci";
import type { FetchedManifest, RepositoryAccess } from "@puzzlefs/registry";

/** Manifests of an index that are looked at. */
const MOST_LOOKED_AT = 16;

/** An image of PuzzleFS in a registry. */
export interface RemoteImage {
  repository: RepositoryAccess;
  /** Repository and reference, for messages. */
  name: string;
  /** sha256 of its manifest there, hex. */
  digest: string;
  manifest: Buffer;
  isPacked: boolean;
  /** As an index there has it. */
  platform?: Platform;
}

/**
 * The image that a reference of a repository means; of an index, that for the platform. Throws LayoutError: foreign, absent (none for the
 * platform), corrupt; FormatError, RegistryError.
 */
export async function findImage(
  repository: RepositoryAccess,
  choice: PlatformChoice,
  signal?: AbortSignal,
): Promise<RemoteImage> {
  const { reference } = repository;
  const name = `${repository.name}${reference.startsWith("sha256:") ? "@" : ":"}${reference}`;
  const found = await repository.manifest(reference, signal === undefined ? {} : { signal });
  if (!isIndex(found)) return imageOf(repository, name, found);
  const entries = suitable(name, [...ImageIndex.parse(found.bytes, name).entries()], choice);
  let foreign: unknown;
  for (const { digest = "", platform } of entries.slice(0, MOST_LOOKED_AT)) {
    try {
      const manifest = await repository.manifest(digest, signal === undefined ? {} : { signal });
      const image = imageOf(repository, name, manifest);
      return typeof platform === "object" ? { ...image, platform } : image;
    } catch (error) {
      // An index may have the ordinary image of the same platform beside ours.
      if (!(error instanceof LayoutError) || error.kind !== "foreign") throw error;
      foreign ??= error;
    }
  }
  throw foreign;
}

/** findImage() of one that is packed. Throws LayoutError (refused) for another one, too. */
export async function findPacked(
  repository: RepositoryAccess,
  choice: PlatformChoice,
  signal?: AbortSignal,
): Promise<RemoteImage> {
  const image = await findImage(repository, choice, signal);
  if (image.isPacked) return image;
  throw new LayoutError("refused", image.name, "it is not packed there, so there are no packs to keep: push it first");
}

function isIndex({ mediaType, bytes }: FetchedManifest): boolean {
  return isIndexType(mediaType) || (!isPuzzlefs(bytes) && /"manifests"\s*:/.test(bytes.toString("latin1")));
}

function imageOf(repository: RepositoryAccess, name: string, { bytes, digest }: FetchedManifest): RemoteImage {
  const hex = digestHex(digest) ?? "";
  if (!isPuzzlefs(bytes)) {
    const advice = "copy it into a layout, for example with skopeo, and convert it";
    throw new LayoutError("foreign", name, `not a PuzzleFS image: ${describeManifest(bytes)}; ${advice}`);
  }
  try {
    return { repository, name, digest: hex, manifest: bytes, isPacked: isPackedManifest(bytes) };
  } catch (error) {
    throw error instanceof FormatError ? error.in(`manifest sha256:${hex}`) : error;
  }
}

/** The entries that may be the image for a platform, the best first. Throws LayoutError (absent). */
function suitable(name: string, entries: readonly IndexEntry[], { platform, preferred }: PlatformChoice): IndexEntry[] {
  const wanted = platform ?? preferred ?? hostPlatform();
  const images = entries.filter(
    (entry) => digestHex(entry.digest ?? "") !== undefined && !isIndexType(entry.mediaType) && isForSystem(entry),
  );
  const ranked = images.flatMap((entry) => {
    const rank = entry.platform === "unknown" ? undefined : rankOf(entry.platform, wanted);
    return rank === undefined ? [] : [{ entry, rank }];
  });
  if (ranked.length > 0) return ranked.toSorted((one, other) => one.rank - other.rank).map(({ entry }) => entry);
  if (images.length === 1 && platform === undefined) return images;
  const platforms = images.map((entry) => (typeof entry.platform === "object" ? platformText(entry.platform) : "any"));
  const others = images.length === 0 ? "" : `, but for ${[...new Set(platforms)].join(", ")}; --platform names one`;
  throw new LayoutError("absent", name, `no image for ${platformText(wanted)}${others}`);
}

/** Build systems list attestations as images for an unknown system. */
function isForSystem({ platform }: IndexEntry): boolean {
  return typeof platform !== "object" || platform.os !== "unknown";
}
