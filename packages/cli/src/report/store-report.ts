import type { Count, GarbageReport, Growth, IndexedImage } from "@puzzlefs/oci";
import type { PackBytes } from "@puzzlefs/reader";
import type { Area } from "./areas.ts";

/** What `report` shows about a layout, and prints with --json. Digests are hex, sizes bytes. Null: not known. */
export interface StoreReport {
  /** Each manifest once, in the order of index.json, in which the image that was written last is the last one. */
  images: ReportedImage[];
  /** Entries of index.json. */
  entries: number;
  /** The blobs that the images need. */
  needed: Count;
  /** Sum of what each image needs. */
  alone: number;
  sharing: Sharing;
  chunks: ChunkSizes;
  packs: PackBytes[];
  /** What gc would do now, without a grace period. */
  garbage: GarbageReport | null;
  /** Why it is not known. */
  garbageProblem: string | null;
  problems: Problem[];
}

export interface ReportedImage {
  /** The tags, and the platform where another image has the same ones. */
  name: string;
  tags: string[];
  /** Of the manifest; of a packed image, of the canonical one. */
  digest: string | null;
  packedManifest: string | null;
  kind: IndexedImage["kind"];
  /** Of a foreign entry. */
  description: string | null;
  platform: string | null;
  /** All its blobs, and those that no other image needs, whatever its tags. */
  stored: Count | null;
  frees: Count | null;
  growth: Growth | null;
  content: Content | null;
  /** Where the stored bytes of its files are; only for the last images. */
  areas: Area[] | null;
}

/** The content of an image's files. */
export interface Content {
  /** Sum of file sizes. */
  bytes: number;
  stored: number;
  chunks: number;
  /** Chunks that are not in the layout. */
  missing: number;
}

export interface Sharing {
  /** Positions of images, in order. */
  images: number[];
  /** Bytes that the image of a row needs together with that of a column. */
  bytes: number[][];
  /** Earlier images, which are left out. */
  omitted: number;
}

export interface ChunkSizes {
  /** Distinct chunks that are in the layout. */
  chunks: number;
  bytes: number;
  /** Half of the chunks are smaller. */
  median: number;
  /** From `from` bytes to less than `to`. */
  classes: { from: number; to: number | null; chunks: number; bytes: number }[];
}

export interface Problem {
  image: string;
  message: string;
  /** Damage, rather than something that is missing. */
  isCorrupt: boolean;
}
