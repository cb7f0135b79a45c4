import type { BaseRecord } from "./index-json.ts";
import type { Platform } from "./platform.ts";

/** A complete blob in the staging directory. */
export interface StagedBlob {
  /** Name of its file there. */
  temporary: string;
  /** sha256 of its content, 64 hex digits. The caller vouches for it. */
  digest: string;
  /** Replaces a file of the layout although that has the right size: its content is damaged. */
  replaces?: boolean;
}

/** The parts of an image. */
export interface CommitRequest {
  tag: string;
  /** From assembleManifest(), or a foreign manifest as it is. */
  manifest: Uint8Array;
  /** New blobs; one that the layout has already is dropped, two with one digest are one. */
  blobs: Iterable<StagedBlob>;
  /** Default: Linux on this machine's architecture. */
  platform?: Platform;
  /**
   * The image is another form of the one that `tag` names now: hex sha256 of its manifest. Its entry then names the new
   * manifest, and else stays as it is.
   */
  replaces?: string;
  /** The image in a registry that it was built on; index.json records it. */
  base?: BaseRecord;
  /** Chunks and packs may be missing: the image is lazy (recordLazy). */
  isLazy?: boolean;
  /** Files of the staging directory that replace those of the same names in the layout's own directory, after all else: caches. */
  records?: readonly string[];
}

export interface CommitResult {
  /** sha256 of the manifest, hex: the kernel's `image_manifest`. */
  digest: string;
  /** fs-verity digest of the manifest, hex: what `puzzlefs build` prints and `mount --digest` demands. */
  verity: string;
  /** Blobs that the layout did not have, the manifest among them. */
  newBlobs: number;
  /** Their bytes. */
  newBytes: number;
  /** Those of `records` that could not be moved. */
  lost: string[];
}
