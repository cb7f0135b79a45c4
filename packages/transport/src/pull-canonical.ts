import { chunksInWalkOrder } from "@puzzlefs/builder/packed";
import { checkMetadataHeader, FormatError, METADATA_HEADER_BYTES, openMetadata, readManifest } from "@puzzlefs/format";
import { CONFIG_LIMIT, LayoutError, referencedBlobs, sha256Hex } from "@puzzlefs/oci";
import { IntegrityError } from "@puzzlefs/reader";
import { ChunkFiles } from "./chunk-files.ts";
import type { WantedChunk } from "./download.ts";
import { lacking, type LocalChunks } from "./local-chunks.ts";
import type { PullTarget, Transfer } from "./pull-target.ts";
import type { RemoteImage } from "./remote-image.ts";

/** An image whose chunks are blobs of the registry, as skopeo copies one that is not packed. */
export interface CanonicalImage {
  metadata: Buffer;
  metadataDigest: string;
  /** The configuration's blob; empty if it is not a blob of the registry. */
  config: Buffer;
  /** All blobs that the manifest lists but the metadata and the configuration. */
  blobs: WantedChunk[];
  received: number;
}

/** Reads manifest, metadata and configuration, and checks them. Throws LayoutError, FormatError, RegistryError. */
export async function readCanonical(
  { repository, manifest, digest, name }: RemoteImage,
  stored: (digest: string) => Buffer | undefined,
  signal: AbortSignal,
): Promise<CanonicalImage> {
  const manifestName = `manifest sha256:${digest}`;
  const listed = referencedBlobs(manifest, manifestName);
  const { digest: metadataDigest, size } = readManifest(manifest);
  if (size === undefined) throw new LayoutError("corrupt", name, `${manifestName} lists the metadata without its size`);
  const metadataName = `metadata blob sha256:${metadataDigest}`;
  const known = stored(metadataDigest);
  const metadata = known ?? (await readMetadata(repository, metadataDigest, size, signal));
  const sizes = new Map<string, number>();
  const blobs: WantedChunk[] = [];
  let config: Buffer = Buffer.alloc(0);
  let received = known === undefined ? metadata.length : 0;
  for (const blob of listed) {
    if (blob.digest === undefined) continue;
    if (blob.size === undefined)
      throw new LayoutError("corrupt", name, `${manifestName} lists sha256:${blob.digest} without its size`);
    if (blob.type === "config") {
      if (blob.size > CONFIG_LIMIT) throw new LayoutError("unsupported", name, `a configuration of ${blob.size} bytes`);
      config = stored(blob.digest) ?? (await repository.readBlob(`sha256:${blob.digest}`, blob.size, signal));
      received += config.length;
    } else if (blob.type !== "rootfs" && !sizes.has(blob.digest)) {
      sizes.set(blob.digest, blob.size);
      blobs.push({ digest: blob.digest, offset: 0, size: blob.size });
    }
  }
  try {
    chunksInWalkOrder(openMetadata(metadata), (chunk) => {
      const found = sizes.get(chunk);
      if (found !== undefined) return found;
      throw new LayoutError(
        "corrupt",
        name,
        `${manifestName} does not list blob sha256:${chunk}, which its files need`,
      );
    });
  } catch (error) {
    throw error instanceof FormatError ? error.in(metadataName) : error;
  }
  return { metadata, metadataDigest, config, blobs, received };
}

/** Sizes are checked before memory is taken for them. */
async function readMetadata(
  repository: RemoteImage["repository"],
  digest: string,
  size: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const end = Math.min(size, METADATA_HEADER_BYTES);
  const name = `metadata blob sha256:${digest}`;
  const pieces: Buffer[] = [];
  const { stream } = await repository.blob(`sha256:${digest}`, { size, signal });
  let isChecked = false;
  for await (const bytes of stream as AsyncIterable<Buffer>) {
    pieces.push(bytes);
    if (isChecked || pieces.reduce((sum, piece) => sum + piece.length, 0) < end) continue;
    isChecked = true;
    try {
      checkMetadataHeader(Buffer.concat(pieces).subarray(0, METADATA_HEADER_BYTES), size);
    } catch (error) {
      throw error instanceof FormatError ? error.in(name) : error;
    }
  }
  const metadata = Buffer.concat(pieces);
  if (sha256Hex(metadata) !== digest) throw new IntegrityError(name, "digest", repository.name);
  return metadata;
}

/** The blobs of the image become those of the layout. */
export async function canonicalTransfer(
  { manifest }: RemoteImage,
  { metadata, config, blobs }: CanonicalImage,
  { transaction, turns }: PullTarget,
  local: LocalChunks,
): Promise<Transfer> {
  const files = new ChunkFiles(transaction.directory);
  const wanted = await lacking(blobs, (blob) => local.isLoose(blob) || files.copy(blob, local), turns);
  const downloads = wanted.map((blob) => {
    const { digest, size } = blob;
    return { digest, size, kind: "blob", chunks: [blob], isWhole: true, sink: files };
  });
  const end: Transfer["end"] = () => {
    const staged = [...files.staged(), transaction.writeBlob(metadata)];
    if (config.length > 0) staged.push(transaction.writeBlob(config));
    return Promise.resolve({ manifest, staged, packs: 0, newPacks: 0 });
  };
  return { downloads, end, salvage: () => files.staged() };
}
