import { fsVerityDigest, Layout, LayoutError, type Platform, Transaction, Turns } from "@puzzlefs/oci";
import type { ImageHeader } from "@puzzlefs/reader";
import { type Removal, removeFormer } from "./obsolete-files.ts";
import { KnownPacks } from "./known-packs.ts";
import { planPacks } from "./pack-plan.ts";
import { type CopyProgress, stagePackedForm } from "./packed-form.ts";
import { chunksOf, closeBlobs, configBytes, metadataOf, openStored } from "./stored-image.ts";
import type { Chunk } from "./walk-order.ts";

/** What packImage() and unpackImage() take. */
export interface RepackOptions {
  /** The OCI image layout. */
  ociDir: string;
  tag: string;
  /** Of several images of the tag, that for this platform. */
  platform?: Platform;
  progress?: CopyProgress;
  /** Called regularly; what it throws ends the work, and nothing is changed. */
  check?: () => void;
  /** Manifests (hex) of mounts of the kernel driver: their blobs are not removed. */
  mounted?: () => Iterable<string>;
}

export interface PackOptions extends RepackOptions {
  /** A tag of the layout: its packs are kept where they are mostly needed. Default: the packed image that shares most. */
  base?: string;
  /** Keep no packs: the result depends on the image alone. */
  independent?: boolean;
  warn?: (message: string) => void;
}

export interface PackResult {
  /** sha256 of the canonical manifest, hex: the image's identity, which has not changed. */
  manifest: string;
  /** Its fs-verity digest, hex. */
  manifestVerity: string;
  /** sha256 and fs-verity digest of the packed manifest, hex. */
  packedManifest: string;
  packedVerity: string;
  packs: number;
  keptPacks: number;
  /** Bytes of the new packs. */
  packedBytes: number;
  /** Bytes of all blobs that were added. */
  newBytes: number;
  removed: Removal;
  /** False: the image had that form already. */
  changed: boolean;
}

/**
 * Stores an image in packs: its tag names the packed form afterwards, and blobs that no other image needs are removed. The
 * image stays what it is. Throws LayoutError, FormatError, IntegrityError, and what `check` throws; then nothing has changed.
 */
export async function packImage(options: PackOptions): Promise<PackResult> {
  const { ociDir, tag, base, independent = false, platform, check = () => {}, warn = () => {} } = options;
  const turns = new Turns(check);
  using layout = Layout.open(ociDir);
  const transaction = await Transaction.beginAsync(layout, turns);
  try {
    const stored = openStored(layout, tag, platform === undefined ? {} : { platform });
    const { header } = stored;
    using opened = new DisposableStack();
    opened.defer(() => closeBlobs(header));
    if (header.packed !== undefined && base === undefined && !independent) return unchanged(header);
    const chunks = chunksOf(header, layout.path);
    const known = opened.use(new KnownPacks(layout, warn));
    if (base !== undefined && !known.openBase(base, platform === undefined ? {} : { platform }))
      throw new LayoutError("refused", layout.path, `${JSON.stringify(base)} is not packed: pack it first`);
    const source = independent ? undefined : known.choose(chunks);
    const parts = {
      metadata: metadataOf(header),
      manifest: header.manifest,
      config: configBytes(header),
      platform: stored.platform,
      read: ({ digest, size }: Chunk) => header.blobs.read(digest, size),
    };
    const form = await stagePackedForm(
      { transaction, turns, layout, progress: options.progress },
      parts,
      planPacks(chunks, source),
    );
    const request = { tag, manifest: form.manifest, blobs: form.staged, replaces: stored.digest };
    const { digest, verity, newBytes } = await transaction.commitAsync(request, turns);
    // Otherwise they would be in use.
    opened.dispose();
    const removal = removeFormer(layout, stored, options.mounted);
    const { packs, keptPacks, packedBytes } = form;
    const packedForm = { packedManifest: digest, packedVerity: verity, packs, keptPacks, packedBytes };
    return { ...identityOf(header), ...packedForm, newBytes, removed: removal, changed: digest !== stored.digest };
  } finally {
    transaction.abort();
  }
}

function identityOf({ manifest, manifestDigest }: ImageHeader): Pick<PackResult, "manifest" | "manifestVerity"> {
  return { manifest: manifestDigest, manifestVerity: fsVerityDigest(manifest).toString("hex") };
}

function unchanged(header: ImageHeader): PackResult {
  const { digest = "", verity = "", packs = [] } = header.packed ?? {};
  return {
    ...identityOf(header),
    packedManifest: digest,
    packedVerity: verity,
    packs: packs.length,
    keptPacks: packs.length,
    packedBytes: 0,
    newBytes: 0,
    removed: { blobs: 0, bytes: 0 },
    changed: false,
  };
}
