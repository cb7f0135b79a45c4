import { createHash } from "node:crypto";
import { writeSync } from "node:fs";
import { pipeline, Readable } from "node:stream";
import { createGzip, createZstdCompress } from "node:zlib";

import { close } from "@puzzlefs/linux";
import {
  annotationsOf,
  canonicalJson,
  CONFIG_TYPE,
  FILE_MODE,
  hostPlatform,
  Layout,
  MANIFEST_TYPE,
  readConfig,
  systemFailure,
  Turns,
  type ImageConfig,
  type Platform,
  type PlatformChoice,
  type Transaction,
} from "@puzzlefs/oci";
import { openImage, type Tree } from "@puzzlefs/reader";

import { openLayout } from "./build.ts";
import { WRITING } from "./chunk-work.ts";
import { Omissions, type Omission } from "./omissions.ts";
import { TarWriter, type ArchiveCounts } from "./tar/tar-writer.ts";

export interface ExportOptions {
  /** Write files with holes as sparse members of GNU tar's version 1.0. Default true; otherwise holes are zeros. */
  sparse?: boolean;
  /** Called with the progress so far, for each piece of about 1 MiB. What it throws ends the work. */
  progress?: (counts: Readonly<ArchiveCounts>) => void;
}

export interface ExportResult extends ArchiveCounts {
  /** sha256 of the archive, hex, and its bytes. */
  digest: string;
  archiveBytes: number;
  /** What the tree has and the archive has not. */
  omissions: Omission[];
}

/** Writes a tree as a tar archive. The same tree makes the same bytes. `write` gets pieces that are not used again. */
export function exportArchive(tree: Tree, write: (piece: Buffer) => void, options: ExportOptions = {}): ExportResult {
  const archive = new Archive(tree, false, options);
  for (const piece of archive.pieces()) write(piece);
  return archive.result();
}

export type LayerCompression = "none" | "gzip" | "zstd";

export interface ExportLayerOptions extends ExportOptions {
  /** The image: the layout that it is in, and a tag or a digest. */
  source: { ociDir: string; reference: string } & PlatformChoice;
  /** The layout, created when it does not exist, and the tag of the ordinary image. */
  ociDir: string;
  tag: string;
  /** Default `gzip`, which all tools read. */
  compression?: LayerCompression;
  /** Hash chunks as they are read. Default true. */
  verify?: boolean;
  warn?: (message: string) => void;
  /** Called several times a second; if it throws, nothing is left behind. */
  check?: () => void;
}

export interface ExportLayerResult extends ExportResult {
  /** sha256 of the manifest of the ordinary image, hex. */
  manifest: string;
  /** The layer: sha256 of the blob, hex, and its bytes. */
  layer: { digest: string; bytes: number };
}

const layerTypes: Readonly<Record<LayerCompression, string>> = {
  none: "application/vnd.oci.image.layer.v1.tar",
  gzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  zstd: "application/vnd.oci.image.layer.v1.tar+zstd",
};

/**
 * Makes an ordinary OCI image of one layer, and tags it. The configuration is that of the image, with the layer in `rootfs.diff_ids` and
 * `history`. Throws what openImage() throws, and LayoutError; then the target is as it was.
 */
export async function exportLayer(options: ExportLayerOptions): Promise<ExportLayerResult> {
  const { source, ociDir, tag, check = ignore, warn = ignore, verify = true } = options;
  const turns = new Turns(check);
  using from = Layout.open(source.ociDir);
  const { digest, bytes } = from.manifest(source.reference, source);
  using tree = openImage(from, digest, { verify: verify ? "blob" : "none" });
  const stored = readConfig(from.blobs, bytes, `manifest sha256:${digest}`);
  const { layout, transaction } = await openLayout({ ociDir, check, warn }, turns);
  using _ = layout;
  let done = false;
  try {
    const archive = new Archive(tree, true, options);
    const { compression = "gzip" } = options;
    const layer = await writeLayer(archive, compression, transaction, turns);
    if (stored?.content === null)
      archive.omissions.add("configuration", stored.problem ?? "it is not that of an image", "/");
    const result = archive.result();
    const configuration = configurationOf(stored?.content ?? { ...hostPlatform(), ...source.platform }, result.digest);
    const config = transaction.writeBlob(Buffer.from(canonicalJson(configuration)));
    const manifest = canonicalJson({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: {
        mediaType: CONFIG_TYPE,
        digest: `sha256:${config.digest}`,
        size: sizeIn(transaction, config.temporary),
      },
      layers: [{ mediaType: layerTypes[compression], digest: `sha256:${layer.digest}`, size: layer.bytes }],
      annotations: annotationsOf(bytes, `manifest sha256:${digest}`),
    });
    const blobs = [config, { temporary: LAYER_FILE, digest: layer.digest }];
    const request = { tag, manifest: Buffer.from(manifest), blobs, platform: platformOf(configuration) };
    const committed = await transaction.commitAsync(request, turns);
    done = true;
    return { ...result, manifest: committed.digest, layer };
  } catch (error) {
    throw systemFailure(error, layout.path, WRITING);
  } finally {
    transaction.abort();
    if (!done) layout.removeIfNew();
  }
}

/** An archive that is written, and what is known of it at the end. */
class Archive {
  readonly #writer: TarWriter;
  readonly omissions = new Omissions();
  readonly #hash = createHash("sha256");
  readonly #progress: (counts: Readonly<ArchiveCounts>) => void;
  #bytes = 0;

  constructor(tree: Tree, isLayer: boolean, { sparse = true, progress = ignore }: ExportOptions) {
    this.#writer = new TarWriter(tree, { sparse, isLayer, omissions: this.omissions });
    this.#progress = progress;
  }

  *pieces(): Generator<Buffer> {
    for (const piece of this.#writer.pieces()) {
      this.#hash.update(piece);
      this.#bytes += piece.length;
      this.#progress(this.#writer.counts);
      yield piece;
    }
  }

  result(): ExportResult {
    const digest = this.#hash.digest("hex");
    return { ...this.#writer.counts, digest, archiveBytes: this.#bytes, omissions: this.omissions.list() };
  }
}

const LAYER_FILE = "layer";

/** Writes the layer to a file of the transaction. */
async function writeLayer(
  archive: Archive,
  compression: LayerCompression,
  { directory }: Transaction,
  turns: Turns,
): Promise<{ digest: string; bytes: number }> {
  const hash = createHash("sha256");
  let bytes = 0;
  const descriptor = directory.createFile(LAYER_FILE, FILE_MODE);
  try {
    for await (const piece of compressed(archive.pieces(), compression)) {
      hash.update(piece);
      for (let done = 0; done < piece.length;) done += writeSync(descriptor, piece, done);
      bytes += piece.length;
      turns.check();
      if (turns.isDue) await turns.take();
    }
  } finally {
    close(descriptor);
  }
  return { digest: hash.digest("hex"), bytes };
}

/** In other threads; the same bytes for the same bytes, with the same version of Node. */
function compressed(pieces: Iterable<Buffer>, compression: LayerCompression): AsyncIterable<Buffer> | Iterable<Buffer> {
  if (compression === "none") return pieces;
  const stream = compression === "gzip" ? createGzip() : createZstdCompress();
  // An error of either ends both, and is thrown to the reader.
  pipeline(Readable.from(pieces, { highWaterMark: 1 }), stream, () => undefined);
  return stream;
}

function configurationOf(config: ImageConfig | Platform, diffId: string): Record<string, unknown> & Platform {
  const created: unknown = "created" in config ? config.created : undefined;
  const history = [{ ...(typeof created === "string" && { created }), created_by: "puzzlefs export" }];
  const { variant, ...others } = config;
  const kept = typeof variant === "string" ? { ...others, variant } : others;
  return { ...kept, rootfs: { type: "layers", diff_ids: [`sha256:${diffId}`] }, history };
}

function platformOf({ os, architecture, variant }: Platform): Platform {
  return { os, architecture, ...(variant !== undefined && { variant }) };
}

function sizeIn({ directory }: Transaction, temporary: string): number {
  return directory.fileSize(temporary) ?? 0;
}

function ignore(): void {}
