import { MAX_MANIFEST_BYTES, type PlaceTable } from "@puzzlefs/format";
import { type Layout, LayoutError, lazyPlaces, referencedBlobs } from "@puzzlefs/oci";
import { LARGEST_CHUNK } from "./protocol.ts";

/** A chunk as a registry has it: bytes of a blob there. */
export interface RemoteChunk {
  /** Hex, as that of the blob. */
  digest: string;
  size: number;
  offset: number;
  blob: string;
  blobSize: number;
}

/** The chunks of an image in the order of their bytes in the registry's blobs: neighbours are read by one request. */
export interface ChunkPlan {
  readonly length: number;
  /** The position of a chunk; undefined: the image has none of this digest. */
  find(digest: string): number | undefined;
  at(position: number): RemoteChunk;
}

/** The plan of a lazy image. Throws LayoutError: missing, corrupt; unsupported for chunks that are too large. */
export function chunkPlan(layout: Layout, manifest: string): ChunkPlan {
  const table = lazyPlaces(layout, manifest);
  return table === undefined ? loosePlan(layout, manifest) : new PackedPlan(table, layout.path);
}

/** Throws LayoutError (unsupported) for chunks that are too large for a lazy image. */
export function checkChunks(table: PlaceTable, path: string): void {
  for (let rank = 0; rank < table.chunks; rank++) checkSize(table.at(rank).size, path);
}

/** Of a packed image: its packs in their order. */
class PackedPlan implements ChunkPlan {
  readonly #table: PlaceTable;
  /** Numbers of chunks in the table, in the order of pack and offset. */
  readonly #order: Uint32Array;

  /** Throws LayoutError (unsupported). */
  constructor(table: PlaceTable, path: string) {
    checkChunks(table, path);
    this.#table = table;
    const packs = new Uint32Array(table.chunks);
    const offsets = new Float64Array(table.chunks);
    for (let rank = 0; rank < table.chunks; rank++) {
      const { pack, offset } = table.at(rank);
      packs[rank] = pack;
      offsets[rank] = offset;
    }
    this.#order = Uint32Array.from(packs.keys()).sort(
      (one, other) => packs[one] - packs[other] || offsets[one] - offsets[other] || one - other,
    );
  }

  get length(): number {
    return this.#order.length;
  }

  find(digest: string): number | undefined {
    const place = this.#table.find(digest);
    if (place === undefined) return undefined;
    let low = 0;
    let high = this.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { pack, offset } = this.#table.at(this.#order[middle]);
      if (pack > place.pack || (pack === place.pack && offset >= place.offset)) high = middle;
      else low = middle + 1;
    }
    // Hostile tables have several chunks at one offset.
    while (low < this.length && this.#table.digestAt(this.#order[low]) !== digest) low++;
    return low < this.length ? low : undefined;
  }

  at(position: number): RemoteChunk {
    const rank = this.#order[position];
    const { pack, offset, size } = this.#table.at(rank);
    const { digest: blob, size: blobSize } = this.#table.packs[pack];
    return { digest: this.#table.digestAt(rank), size, offset, blob, blobSize };
  }
}

/** Of an image that is not packed: each chunk is a blob of its own. */
function loosePlan(layout: Layout, manifest: string): ChunkPlan {
  const bytes = layout.blobs.read(manifest, MAX_MANIFEST_BYTES);
  const chunks: RemoteChunk[] = [];
  const positions = new Map<string, number>();
  for (const { type, digest, size } of referencedBlobs(bytes, `manifest sha256:${manifest}`)) {
    if (digest === undefined || size === undefined || (type !== "chunk" && type !== "compressed-chunk")) continue;
    checkSize(size, layout.path);
    positions.set(digest, chunks.length);
    chunks.push({ digest, size, offset: 0, blob: digest, blobSize: size });
  }
  return {
    length: chunks.length,
    find: (digest) => positions.get(digest),
    at: (position) => chunks[position],
  };
}

function checkSize(size: number, path: string): void {
  if (size <= LARGEST_CHUNK) return;
  throw new LayoutError("unsupported", path, `a chunk of ${size} bytes is too large for a lazy image: pull all of it`);
}
