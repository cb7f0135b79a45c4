/** A version of the image that the fleet follows: chunks with digests and sizes. */
import { type Chunk, chunksOf, configBytes, metadataOf } from "@puzzlefs/builder/packed";
import { hostPlatform, type Layout } from "@puzzlefs/oci";
import type { ImageHeader } from "@puzzlefs/reader";
import type { CanonicalDocuments } from "@puzzlefs/transport/planning";

/** What a node may have. */
export interface Version {
  number: number;
  /** sha256 of the canonical manifest, hex. */
  canonical: string;
  digests: ReadonlySet<string>;
  /** For each file: the number of the version that gave it its content. */
  files: Uint32Array;
}

/** The version that is in the making. */
export interface Newest extends Version {
  /** In walk order. */
  chunks: readonly Chunk[];
  documents: CanonicalDocuments;
  /** For each file: bytes of a zstd frame of it alone. */
  frames: readonly number[];
}

/** A real image as a version of which files are not considered. */
export function versionOf(header: ImageHeader, layout: Layout, number: number): Newest {
  const chunks = chunksOf(header, layout.path);
  const { manifest, manifestDigest } = header;
  return {
    number,
    canonical: manifestDigest,
    chunks,
    digests: new Set(chunks.map(({ digest }) => digest)),
    files: new Uint32Array(),
    frames: [],
    documents: { metadata: metadataOf(header), manifest, config: configBytes(header), platform: hostPlatform() },
  };
}
