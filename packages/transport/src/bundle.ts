import {
  BASE_ANNOTATION,
  checkBundleSize,
  FormatError,
  MAX_BUNDLE_BYTES,
  PATCH_TYPE,
  readPackedManifest,
} from "@puzzlefs/format";
import { closeBlobs, metadataOf } from "@puzzlefs/builder/packed";
import { digestHex, type Layout, LayoutError, parseObject } from "@puzzlefs/oci";
import { decompressBundle, type ImageHeader, IntegrityError, readHeader, settleBundle } from "@puzzlefs/reader";
import { applyPatch } from "./bundle-patch.ts";
import type { RemoteImage } from "./remote-image.ts";

/** Patches of an image that are looked at. */
const MOST_PATCHES = 32;

interface Patch {
  digest: string;
  size: number;
  /** sha256 of the canonical manifest, hex. */
  base: string;
}

/** A packed image of a registry, without its packs. */
export interface SettledImage {
  header: ImageHeader & Required<Pick<ImageHeader, "packed">>;
  /** Bytes that were received. */
  received: number;
  isPatched: boolean;
}

/**
 * Reads the bundle of a packed image, or a patch of it where `layout` has the image that this is made from. The header's blobs are those
 * of the layout. Throws LayoutError, FormatError, IntegrityError, RegistryError.
 */
export async function settleRemote(image: RemoteImage, layout: Layout, signal?: AbortSignal): Promise<SettledImage> {
  const { digest, manifest, name } = image;
  const { bundle } = inManifest(digest, () => readPackedManifest(manifest));
  if (bundle.size === undefined) throw new LayoutError("corrupt", name, "its manifest lists a bundle without its size");
  const stored = { digest: bundle.digest, size: bundle.size, verity: bundle.verity ?? "" };
  const settled = (content: Uint8Array): SettledImage["header"] =>
    settleBundle(layout.blobs, { digest, stored: manifest, bundle: stored, content }) as SettledImage["header"];
  const patched = await readPatched(image, layout, signal);
  if (patched !== undefined) return { header: settled(patched.content), received: patched.received, isPatched: true };
  const bundleName = `bundle sha256:${bundle.digest}`;
  checkSize(stored.size, bundleName);
  const bytes = await image.repository.readBlob(`sha256:${bundle.digest}`, stored.size, signal);
  return { header: settled(decompressBundle(bytes, bundleName)), received: bytes.length, isPatched: false };
}

async function readPatched(
  { repository, manifest, name }: RemoteImage,
  layout: Layout,
  signal?: AbortSignal,
): Promise<{ content: Buffer; received: number } | undefined> {
  for (const { digest, size, base } of patchesOf(manifest, name)) {
    const metadata = storedMetadata(layout, base);
    if (metadata === undefined) continue;
    const patchName = `patch sha256:${digest}`;
    checkSize(size, patchName);
    const patch = await repository.readBlob(`sha256:${digest}`, size, signal);
    return { content: applyPatch(patch, metadata, patchName), received: patch.length };
  }
  return undefined;
}

/** The patches that a packed manifest lists, which has been checked. Others than those of our form are passed over. */
export function patchesOf(manifest: Buffer, name: string): Patch[] {
  const { layers } = parseObject(manifest.toString("utf8"), name);
  const patches = (Array.isArray(layers) ? layers : []).filter((layer) => layer?.mediaType === PATCH_TYPE);
  return patches.slice(0, MOST_PATCHES).flatMap(({ digest, size, annotations }) => {
    const hex = typeof digest === "string" ? digestHex(digest) : undefined;
    const annotated: unknown = annotations?.[BASE_ANNOTATION];
    const base = typeof annotated === "string" ? digestHex(annotated) : undefined;
    const isPatch = hex !== undefined && base !== undefined && Number.isSafeInteger(size) && size <= MAX_BUNDLE_BYTES;
    return isPatch ? [{ digest: hex, size: size as number, base }] : [];
  });
}

/** The metadata blob of the image of a layout with this canonical manifest; undefined if there is none, or it is damaged. */
function storedMetadata(layout: Layout, canonical: string): Uint8Array | undefined {
  try {
    const header = readHeader(layout, canonical);
    try {
      return metadataOf(header);
    } finally {
      closeBlobs(header);
    }
  } catch (error) {
    if (error instanceof LayoutError || error instanceof IntegrityError || error instanceof FormatError)
      return undefined;
    throw error;
  }
}

function checkSize(size: number, name: string): void {
  try {
    checkBundleSize(size, 0);
  } catch (error) {
    throw error instanceof FormatError ? error.in(name) : error;
  }
}

function inManifest<T>(digest: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof FormatError ? error.in(`manifest sha256:${digest}`) : error;
  }
}
