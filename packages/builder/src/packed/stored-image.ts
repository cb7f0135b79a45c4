import {
  CONFIG_LIMIT,
  configOf,
  EMPTY_CONFIG,
  hostPlatform,
  type Layout,
  LayoutError,
  type Platform,
  type PlatformChoice,
  referencedBlobs,
} from "@puzzlefs/oci";
import { type ImageHeader, readHeader } from "@puzzlefs/reader";
import { checkCanonical } from "./bundle.ts";
import { type Chunk, chunksInWalkOrder } from "./walk-order.ts";

/** Metadata blobs are not larger: the format's limit. */
const METADATA_LIMIT = 2 ** 30;
const EMPTY = Buffer.from("{}");

/** An image of a layout that is to get another form. */
export interface StoredImage {
  header: ImageHeader;
  /** sha256 of the manifest that its entry names, hex. */
  digest: string;
  /** That of its entry. */
  platform: Platform;
  /** What the entry makes the layout keep: the manifest, and all that it lists; hex. */
  files: string[];
}

/** Opens the image of a tag. Throws LayoutError (refused) where the tag names it through an index, or is a digest. */
export function openStored(layout: Layout, tag: string, choice: PlatformChoice): StoredImage {
  const header = readHeader(layout, tag, choice);
  try {
    const digest = header.packed?.digest ?? header.manifestDigest;
    const manifest = header.packed?.manifest ?? header.manifest;
    const entry = [...layout.index().entries()].find((one) => one.tag === tag && one.digest === `sha256:${digest}`);
    if (entry === undefined) {
      const why = "it is not an entry of index.json of that tag, but is named by a digest or through another index";
      throw new LayoutError("refused", layout.path, `${JSON.stringify(tag)} cannot get another form: ${why}`);
    }
    const listed = referencedBlobs(manifest, `manifest sha256:${digest}`).flatMap((blob) => blob.digest ?? []);
    const platform = entry.platform === undefined || entry.platform === "unknown" ? hostPlatform() : entry.platform;
    return { header, digest, platform, files: [digest, ...listed] };
  } catch (error) {
    closeBlobs(header);
    throw error;
  }
}

/** Closes the packs of an image; those of a loose one belong to its layout. */
export function closeBlobs({ packed, blobs }: ImageHeader): void {
  if (packed !== undefined) blobs.close();
}

export function metadataOf({ blobs, metadataDigest }: ImageHeader): Buffer {
  return blobs.read(metadataDigest, METADATA_LIMIT);
}

/** The blob of the canonical configuration. Throws LayoutError where it cannot be read, or has another digest than sha256. */
export function configBytes({ packed, blobs, manifest, manifestDigest }: ImageHeader): Uint8Array {
  if (packed !== undefined) return packed.config;
  const path = `manifest sha256:${manifestDigest}`;
  const descriptor = configOf(manifest, path);
  if (descriptor === undefined) return Buffer.alloc(0);
  if (descriptor.digest === EMPTY_CONFIG.digest) return EMPTY;
  const [, hex] = /^sha256:([0-9a-f]{64})$/.exec(descriptor.digest) ?? [];
  if (hex === undefined) throw new LayoutError("refused", path, "its configuration has no sha256");
  return blobs.read(hex, CONFIG_LIMIT);
}

/** The chunks of an image in walk order. Throws LayoutError (refused) for an image that cannot be rebuilt from a bundle. */
export function chunksOf({ manifest, manifestDigest, metadata }: ImageHeader, path: string): Chunk[] {
  const name = `manifest sha256:${manifestDigest}`;
  const sizes = new Map<string, number>();
  for (const { digest, size } of referencedBlobs(manifest, name))
    if (digest !== undefined && size !== undefined) sizes.set(digest, size);
  const chunks = chunksInWalkOrder(metadata, (digest) => {
    const size = sizes.get(digest);
    if (size !== undefined) return size;
    throw new LayoutError(
      "refused",
      path,
      `${name} does not list blob sha256:${digest}, which its files need: build the image again`,
    );
  });
  checkCanonical(manifest, metadata.image, chunks, path);
  return chunks;
}
