import { availableParallelism } from "node:os";

import type { Crossing } from "@puzzlefs/linux";
import { checkChunkSizes, defaultChunkSizes, OptionError, type ChunkSizes } from "@puzzlefs/chunker";
import type { Platform } from "@puzzlefs/oci";

import type { BaseSource } from "./base.ts";
import type { Omission } from "./omissions.ts";
import type { Source } from "./source.ts";

/** Which modification times go into the image: none, all, or all but nothing later than a moment. */
export type MtimePolicy =
  { readonly kind: "zero" } | { readonly kind: "keep" } | { readonly kind: "clamp"; readonly seconds: number };

/** Progress so far, cumulative. */
export interface Progress {
  /** Regular files read, bytes of content they have, chunks cut from them. */
  files: number;
  bytes: number;
  chunks: number;
  /** Bytes written to the store so far. */
  newBytes: number;
  /** Bytes copied into packs, and all that will be; once the tree has been read. */
  packed?: { done: number; total: number };
}

export interface BuildOptions {
  /** The directory that becomes the root of the image, or another source of a tree. */
  rootfs: string | Source;
  /** The OCI image layout, created when it does not exist. */
  ociDir: string;
  tag: string;
  /** Compress chunks with zstd. */
  compress?: boolean;
  /** zstd level, 3 by default. */
  level?: number;
  /** Uncompressed bytes of a zstd frame; 0, the default, makes each chunk one frame. */
  frameSize?: number;
  /** `file` (default): files of at least the minimum chunk size on their own; `stream`: all in one, as the Rust tool. */
  chunking?: "file" | "stream";
  chunkSizes?: ChunkSizes;
  /** Store the image in packs (docs/format.md §6). Packs of the base, or of the most similar packed image, are kept where they are mostly needed. */
  packed?: boolean;
  /** With `packed`: keep no packs, so that the result depends on the image alone. */
  independent?: boolean;
  mtime?: MtimePolicy;
  /** Threads that work, this one included. By default as many as the machine offers. */
  jobs?: number;
  /** A tag in the same layout to build on, or an image elsewhere: the result is a layer over its layers. */
  base?: string | BaseSource;
  /** An image configuration, stored as it is, and its path for messages. Default: the empty configuration. */
  config?: { readonly bytes: Uint8Array; readonly path: string };
  /** Annotations of the manifest. */
  annotations?: Record<string, string>;
  /** The platform of the image. Default: that of the configuration, or this machine's. */
  platform?: Platform;
  /** Which directories of other file systems are entered; `subvolumes` by default. */
  crossing?: Crossing;
  /** Read all of each blob that is reused, and store those anew that are damaged. By default only sizes are compared. */
  verify?: boolean;
  /**
   * Record in the layout which files of the tree were found, and do not read those again that have not changed since.
   * Not with a Source, and not with chunking `stream`.
   */
  fileCache?: boolean;
  /** Keep security.selinux attributes, which otherwise belong to the host. */
  selinux?: boolean;
  progress?: (progress: Progress) => void;
  warn?: (message: string) => void;
  /** Called several times a second while the build works or waits; if it throws, the build fails and leaves nothing behind. */
  check?: () => void;
  /** Aborts the build, which leaves nothing behind and throws the signal's reason. */
  signal?: AbortSignal;
}

export interface BuildResult {
  /** sha256 of the canonical manifest, hex: what index.json lists, unless the image is packed, and the kernel driver mounts. */
  manifest: string;
  /** fs-verity digest of the manifest, hex: what `build` prints. */
  manifestVerity: string;
  /** sha256 of the metadata blob, hex. */
  metadata: string;
  metadataBytes: number;
  manifestBytes: number;
  /** Regular files (hard links counted once) and all inodes. */
  files: number;
  entries: number;
  /** Content of the regular files. */
  bytes: number;
  /** Distinct chunks in the image. */
  chunks: number;
  /** Blobs that the layout did not have before, metadata and manifest not counted. */
  newBlobs: number;
  newBytes: number;
  /** Content bytes that needed no storing: found in the base, in the layout, or twice in the tree, or compressed away. */
  savedBytes: number;
  /** Things that the tree has and the image does not have. */
  omissions: Omission[];
  /** The packed form, if that was asked for: what index.json names. */
  packed?: PackedResult;
  /** Digests (hex) of blobs of the layout that were missing or damaged, so that what is in them was stored anew. */
  repaired: string[];
}

/** The packed form of an image that was built. */
export interface PackedResult {
  /** sha256 and fs-verity digest of the packed manifest, hex. */
  manifest: string;
  verity: string;
  packs: number;
  /** Packs of other images. */
  keptPacks: number;
  /** Bytes of the bundle, which has metadata, manifest and configuration. */
  bundleBytes: number;
}

/** Options with every default filled in. */
export type ResolvedOptions = Required<
  Omit<BuildOptions, "annotations" | "base" | "config" | "platform" | "progress" | "signal">
> &
  Pick<BuildOptions, "annotations" | "base" | "config" | "platform" | "progress" | "signal"> & {
    /** Bytes of content after which the other threads are started. */
    threadsAfter: number;
  };

/** A thread takes 80 ms of processor time to start, in which this one works on some 16 MB. */
const THREADS_AFTER = 8 << 20;
/** If the number of threads is an option. */
const CHOSEN_THREADS_AFTER = 256 << 10;

export const defaultLevel = 3;

/** Fills in the defaults. Throws an OptionError for values that are not possible. */
export function resolveOptions(options: BuildOptions): ResolvedOptions {
  const resolved: ResolvedOptions = {
    compress: false,
    level: defaultLevel,
    frameSize: 0,
    chunking: "file",
    chunkSizes: defaultChunkSizes,
    packed: false,
    independent: false,
    mtime: { kind: "zero" },
    jobs: availableParallelism(),
    threadsAfter: options.jobs === undefined ? THREADS_AFTER : CHOSEN_THREADS_AFTER,
    selinux: false,
    fileCache: false,
    crossing: "subvolumes",
    verify: false,
    warn: () => {},
    ...options,
    check: () => {
      options.signal?.throwIfAborted();
      options.check?.();
    },
  };
  checkChunkSizes(resolved.chunkSizes);
  if (resolved.fileCache && (resolved.chunking !== "file" || typeof resolved.rootfs !== "string"))
    throw new OptionError("a file cache is for directories that are cut by file");
  checkInteger("jobs", resolved.jobs, 1, 256);
  checkInteger("level", resolved.level, -7, 22);
  checkInteger("frame size", resolved.frameSize, 0, 1 << 30);
  if (resolved.independent && !resolved.packed) throw new OptionError("independent packs are for packed images");
  if (resolved.independent && resolved.base !== undefined)
    throw new OptionError("an image on a base shares its packs: it is not independent");
  if (resolved.frameSize !== 0 && resolved.frameSize < 1024) {
    throw new OptionError(`frame size must be 0 (whole chunks) or at least 1024 bytes, not ${resolved.frameSize}`);
  }
  return resolved;
}

function checkInteger(name: string, value: number, from: number, to: number): void {
  if (!Number.isInteger(value) || value < from || value > to) {
    throw new OptionError(`${name} must be a whole number between ${from} and ${to}, not ${value}`);
  }
}

/**
 * Parses `zero`, `keep` or `clamp:SECONDS`. `sourceDateEpoch` (the environment variable, seconds) is a second clamp:
 * times that are kept are never later than it. Throws an OptionError.
 */
export function parseMtime(text: string, sourceDateEpoch?: string): MtimePolicy {
  const clamps: number[] = [];
  if (text.startsWith("clamp:")) clamps.push(parseSeconds(text.slice(6), "--mtime clamp"));
  else if (text !== "zero" && text !== "keep") {
    throw new OptionError(`mtime is zero, keep or clamp:SECONDS, not "${text}"`);
  }
  if (text === "zero") return { kind: "zero" };
  if (sourceDateEpoch !== undefined && sourceDateEpoch !== "") {
    clamps.push(parseSeconds(sourceDateEpoch, "SOURCE_DATE_EPOCH"));
  }
  return clamps.length === 0 ? { kind: "keep" } : { kind: "clamp", seconds: Math.min(...clamps) };
}

function parseSeconds(text: string, name: string): number {
  const seconds = /^-?\d+$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(seconds)) throw new OptionError(`${name} takes whole seconds since 1970, not "${text}"`);
  return seconds;
}
