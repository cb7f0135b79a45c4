import { fsVerityDigest, Layout, referencedBlobs, type StagedBlob, Transaction, Turns } from "@puzzlefs/oci";
import type { ImageHeader } from "@puzzlefs/reader";
import { type Removal, removeFormer } from "./obsolete-files.ts";
import type { RepackOptions } from "./pack-image.ts";
import { closeBlobs, configBytes, metadataOf, openStored } from "./stored-image.ts";

export interface UnpackResult {
  /** sha256 and fs-verity digest of the manifest, hex: the image's identity, which has not changed. */
  manifest: string;
  manifestVerity: string;
  /** Blobs that the layout did not have, and their bytes. */
  newBlobs: number;
  newBytes: number;
  removed: Removal;
  /** False: the image was loose already. */
  changed: boolean;
}

/**
 * Stores each chunk of a packed image as a blob of its own: the image has the bytes that `build` gave it. Its packs are removed
 * unless another image needs them. Throws as packImage().
 */
export async function unpackImage(options: RepackOptions): Promise<UnpackResult> {
  const { ociDir, tag, platform, check = () => {}, progress = () => {} } = options;
  const turns = new Turns(check);
  using layout = Layout.open(ociDir);
  const transaction = await Transaction.beginAsync(layout, turns);
  try {
    const stored = openStored(layout, tag, platform === undefined ? {} : { platform });
    const { header } = stored;
    using opened = new DisposableStack();
    opened.defer(() => closeBlobs(header));
    if (header.packed === undefined) return unchanged(header);
    const staged: StagedBlob[] = [];
    const { chunks } = header.packed;
    const total = chunks.reduce((sum, { size }) => sum + size, 0);
    let done = 0;
    for (const { digest, size } of chunks) {
      if (layout.blobs.size(digest) !== size) staged.push(transaction.writeBlob(header.blobs.read(digest, size)));
      done += size;
      progress(done, total);
      if (turns.isDue) await turns.take();
    }
    staged.push(transaction.writeBlob(metadataOf(header)));
    const listed = referencedBlobs(header.manifest, `manifest sha256:${header.manifestDigest}`);
    if (listed.some(({ type }) => type === "config")) staged.push(transaction.writeBlob(configBytes(header)));
    const request = {
      tag,
      manifest: header.manifest,
      blobs: staged,
      replaces: stored.digest,
    };
    const { digest, verity, newBlobs, newBytes } = await transaction.commitAsync(request, turns);
    const removal = removeFormer(layout, stored, options.mounted);
    return { manifest: digest, manifestVerity: verity, newBlobs, newBytes, removed: removal, changed: true };
  } finally {
    transaction.abort();
  }
}

function unchanged({ manifest, manifestDigest }: ImageHeader): UnpackResult {
  const manifestVerity = fsVerityDigest(manifest).toString("hex");
  const nothing = { newBlobs: 0, newBytes: 0, removed: { blobs: 0, bytes: 0 } };
  return { manifest: manifestDigest, manifestVerity, ...nothing, changed: false };
}
