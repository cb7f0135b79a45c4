import type { BaseRecord, PlatformChoice } from "@puzzlefs/oci";
import type { RepositoryAccess } from "@puzzlefs/registry";

export interface PushOptions extends PlatformChoice {
  ociDir: string;
  /** A tag of the layout, or a digest. */
  reference: string;
  /** Opened for "push"; its reference is the tag, or the digest that the result must have. */
  target: RepositoryAccess;
  /** Images whose packs are kept too, beside those of the image that is replaced. Opened for "pull". */
  bases?: readonly Base[];
  /**
   * Opens an image that the layout records as the base of this one, or as the source of a lazy one, for "pull"; undefined if it is in another
   * registry than the target. Its packs are kept like those of `bases`, but it may be gone.
   */
  openRecorded?: (image: BaseRecord) => Base | undefined;
  /** Images from which patches of the metadata are made, beside the bases. Opened for "pull". */
  patchFrom?: readonly RepositoryAccess[];
  /** Keep no packs: the result depends on the image alone. */
  independent?: boolean;
  /** Send the signatures that the layout has of the image; default true. */
  signatures?: boolean;
  /** Let containerd take packs for layers, so that its snapshotter can keep them from being fetched. */
  lazy?: boolean;
  /** Called with the bytes of packs that the registry has, and those that are to be uploaded. */
  progress?: (done: number, total: number) => void;
  /** Called regularly; what it throws ends the work. */
  check?: () => void;
  warn?: (message: string) => void;
}

export interface Base {
  repository: RepositoryAccess;
  /** Name of its repository if it is in the registry of the target, from which packs can be mounted then. */
  mountFrom?: string | undefined;
}

export interface PushResult {
  /** sha256 and fs-verity digest of the canonical manifest, hex. */
  manifest: string;
  manifestVerity: string;
  /** sha256 of the manifest that the registry has, hex. */
  pushedManifest: string;
  chunks: number;
  packs: number;
  /** Packs of bases that the new image has too, and how many of them were mounted from another repository. */
  keptPacks: number;
  mountedPacks: number;
  /** New packs, without those that the registry had already; blobs of any kind; bytes. */
  uploadedPacks: number;
  uploadedBlobs: number;
  uploadedBytes: number;
  bundleBytes: number;
  patches: { base: string; bytes: number }[];
  /** Signatures of the image that the registry has now. */
  signatures: number;
  /** False: the registry had exactly this under the tag. */
  changed: boolean;
}
