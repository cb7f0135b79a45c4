import {
  canonicalJson,
  Layout,
  LayoutError,
  readLayeredImage,
  systemFailure,
  Turns,
  type LayeredImage,
  type Platform,
  type Transaction,
} from "@puzzlefs/oci";

import { build, openLayout } from "./build.ts";
import { WRITING } from "./chunk-work.ts";
import type { BuildOptions, BuildResult } from "./options.ts";
import { contentOf, LayerSource } from "./tar/layer-source.ts";
import { LayersReader, type LayersRead } from "./tar/read-layers.ts";
import { Spool } from "./tar/spool.ts";

export interface ConvertOptions extends Omit<
  BuildOptions,
  "rootfs" | "config" | "annotations" | "platform" | "crossing" | "progress"
> {
  /** The ordinary image: the layout that it is in, a tag or a digest, and which of several images of the tag. */
  source: { ociDir: string; reference: string; platform?: Platform };
  /** Uncompressed bytes of all layers together, at most. Default: 1 GiB, and 64 times the stored bytes. */
  limit?: number;
  /** First the layers are read: `total` of their stored bytes; then the image is built: `total` of content; then perhaps packed. */
  progress?: (progress: ConvertProgress) => void;
}

export interface ConvertProgress {
  doing: "reading" | "building" | "packing";
  /** Bytes. */
  done: number;
  total: number;
  /** Written to the store so far. */
  newBytes: number;
}

export interface ConvertResult extends BuildResult {
  /** sha256 of the manifest of the ordinary image, hex. */
  source: string;
  /** The layers, the lowest first: sha256 of the blob, hex, and its bytes. */
  layers: { digest: string; bytes: number }[];
  /** Uncompressed bytes of all layers. */
  archiveBytes: number;
  /** Content of files in them, which was in a temporary file meanwhile. */
  spooledBytes: number;
}

const LEAST_LIMIT = 1 << 30;
/** deflate can reach about 1,030; a layer with a Debian root has 2.7. */
const EXPANSION = 64;

/**
 * Makes an image of an ordinary OCI or Docker image of tar layers, and tags it. Its configuration is taken over, but for what is about the
 * layers (`rootfs.diff_ids` and `history`), and the annotations of its manifest. Modification times are kept by default. The same image makes the same
 * bytes. Meanwhile the content of the files is in a temporary file without a name in the target layout.
 *
 * Throws LayerError for a layer, LayoutError for a layout or a damaged blob, and what build() throws; then the target is as it was.
 */
export async function convert(options: ConvertOptions): Promise<ConvertResult> {
  const { source, limit, progress, ...given } = options;
  const check = (): void => {
    options.signal?.throwIfAborted();
    options.check?.();
  };
  const turns = new Turns(check);
  using from = Layout.open(source.ociDir);
  const image = readLayeredImage(
    from,
    source.reference,
    source.platform === undefined ? {} : { platform: source.platform },
  );
  const stored = image.layers.reduce((total, { size }) => total + size, 0);
  const config = { bytes: configurationOf(image), path: `configuration of image sha256:${image.digest}` };
  const { layout, transaction } = await openLayout(
    { ociDir: options.ociDir, check, warn: options.warn ?? ignore },
    turns,
  );
  using _ = layout;
  let done = false;
  try {
    using spool = spoolIn(transaction);
    const reader = new LayersReader(
      from.blobs,
      spool,
      limit ?? LEAST_LIMIT + EXPANSION * stored,
      options.chunking !== "stream",
    );
    const report = ({ bytes }: LayersRead): void =>
      progress?.({ doing: "reading", done: bytes, total: stored, newBytes: 0 });
    for (const layer of image.layers) await reader.add(layer, turns, report);
    spool.flush();
    const { root } = reader.tree;
    const { bytes: total } = contentOf(root.node);
    const result = await build({
      mtime: { kind: "keep" },
      ...given,
      rootfs: new LayerSource(`image sha256:${image.digest}`, root.node, spool, reader.omissions.list()),
      config,
      ...(Object.keys(image.annotations).length > 0 && { annotations: image.annotations }),
      ...(progress && {
        progress: ({ bytes, newBytes, packed }) =>
          progress({
            ...(packed ? { doing: "packing", ...packed } : { doing: "building", done: bytes, total }),
            newBytes,
          }),
      }),
    });
    done = true;
    const layers = image.layers.map(({ digest, size }) => ({ digest, bytes: size }));
    const { archiveBytes } = reader.read;
    return { ...result, source: image.digest, layers, archiveBytes, spooledBytes: spool.size };
  } catch (error) {
    throw systemFailure(error, layout.path, WRITING);
  } finally {
    if (!done) layout.removeIfNew();
  }
}

/** A spool on the file system of the layout; the transaction was for that only. */
function spoolIn(transaction: Transaction): Spool {
  try {
    return new Spool(transaction.directory);
  } finally {
    transaction.abort();
  }
}

/** The configuration without what is about the layers: no tool finds them in the new image. */
function configurationOf({ configuration, digest }: LayeredImage): Buffer {
  const { history: _, ...kept } = configuration;
  try {
    return Buffer.from(canonicalJson({ ...kept, rootfs: { type: "layers", diff_ids: [] } }));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new LayoutError("refused", `configuration of image sha256:${digest}`, error.message, error);
  }
}

function ignore(): void {}
