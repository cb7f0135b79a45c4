import { CANONICAL_ANNOTATION } from "@puzzlefs/format";
import {
  annotationsOf,
  canonicalJson,
  CONFIG_TYPE,
  hostPlatform,
  Layout,
  MANIFEST_TYPE,
  type PlatformChoice,
  readConfig,
  sha256Hex,
} from "@puzzlefs/oci";
import { openHeader, readHeader } from "@puzzlefs/reader";
import { refuseOverlayMarks } from "@puzzlefs/mount";
import type { ImageName } from "../image-name.ts";
import type { StoreImage } from "./store-index.ts";

/** What the store has of an image, beside its name. */
export interface ImageDocuments {
  image: Omit<StoreImage, "names">;
  contentBytes: number;
  manifest: Buffer;
  config: Buffer;
}

/** Containers have overlays over the image, which root mounts. */
const OVERLAY_PREFIX = "trusted.overlay.";
/** The media type that containers/storage takes for a layer. */
const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar";
const EPOCH = "1970-01-01T00:00:00Z";

/**
 * The image as one of a single layer, whose digest is that of the canonical manifest: the configuration of the image with that layer,
 * and a manifest of both. Equal images, equal documents. Throws the errors of openImage(), and OverlayMarksError, unless
 * `allowMarks`, if overlays would not show the image as it is.
 */
export function describeImage(
  { ociDir, reference }: ImageName,
  choice: PlatformChoice,
  allowMarks: boolean,
): ImageDocuments {
  using layout = Layout.open(ociDir);
  using used = layout.use(reference, choice);
  const header = readHeader(layout, used.digest);
  const tree = openHeader(header);
  try {
    if (!allowMarks) refuseOverlayMarks(tree, `${ociDir}:${reference}`, OVERLAY_PREFIX);
    const { manifest: canonical, manifestDigest: layer, blobs } = header;
    const path = `manifest sha256:${layer}`;
    const stored = readConfig(blobs, canonical, path)?.content;
    const { architecture, os, variant } = layout.platformOf(reference, choice) ?? hostPlatform();
    const digest = `sha256:${layer}`;
    const created = timeOf(stored);
    const config = Buffer.from(
      canonicalJson({
        ...(stored ?? { architecture, os, variant }),
        rootfs: { type: "layers", diff_ids: [digest] },
        history: [{ created, created_by: "puzzlefs", comment: `PuzzleFS image ${digest}` }],
      }),
    );
    const id = sha256Hex(config);
    const { contentBytes } = tree;
    const manifest = Buffer.from(
      canonicalJson({
        schemaVersion: 2,
        mediaType: MANIFEST_TYPE,
        config: { mediaType: CONFIG_TYPE, digest: `sha256:${id}`, size: config.length },
        layers: [{ mediaType: LAYER_TYPE, digest, size: contentBytes }],
        annotations: { ...annotationsOf(canonical, path), [CANONICAL_ANNOTATION]: digest },
      }),
    );
    const image = {
      id,
      digest: sha256Hex(manifest),
      layer,
      created,
      manifestBytes: manifest.length,
      configBytes: config.length,
    };
    return { image, contentBytes, manifest, config };
  } finally {
    tree.close();
  }
}

/** When the configuration was created; containers/storage reads no store with another form of time in it. */
function timeOf(config: object | null | undefined): string {
  const created = config && "created" in config ? config.created : undefined;
  if (typeof created !== "string" || !/^\d{4}-\d\d-\d\dT/.test(created)) return EPOCH;
  const milliseconds = Date.parse(created);
  return Number.isNaN(milliseconds) ? EPOCH : new Date(milliseconds).toISOString();
}
