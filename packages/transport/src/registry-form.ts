import { bundleContent, compressBundle, type PackPlan } from "@puzzlefs/builder/packed";
import type { PackRecord } from "@puzzlefs/format";
import { assemblePacked, type BundlePatch, fsVerityDigest, type Platform, sha256Hex, type Turns } from "@puzzlefs/oci";
import { makePatch } from "./bundle-patch.ts";

/** The documents of an image in its canonical form. */
export interface CanonicalDocuments {
  metadata: Uint8Array;
  manifest: Buffer;
  config: Uint8Array;
  platform: Platform;
}

/** An image from whose metadata a patch is made. */
export interface PatchBase {
  /** sha256 of its canonical manifest, hex. */
  canonical: string;
  metadata: Uint8Array;
}

/** What a registry has of a packed image beside its packs. */
export interface RegistryForm {
  manifest: Buffer;
  /** The blobs that are not packs: bundle, patches, configuration, bootstrap. */
  documents: Buffer[];
  bundleBytes: number;
  patches: { base: string; bytes: number }[];
}

/** Makes the documents of an image that is in these packs; with `lazy` those are layers for containerd. Throws LayoutError (refused) about `path` if its metadata is too large. */
export async function packedForm(
  { metadata, manifest, config, platform }: CanonicalDocuments,
  { packs, places }: { packs: readonly PackRecord[]; places: PackPlan["places"] },
  patchBases: readonly PatchBase[],
  turns: Turns,
  path: string,
  lazy = false,
): Promise<RegistryForm> {
  const content = bundleContent({ metadata, manifest, config, packs, places }, path);
  const stored = compressBundle(content, path);
  const patches: BundlePatch[] = [];
  const blobs: Buffer[] = [stored];
  for (const base of patchBases) {
    await turns.take();
    const patch = makePatch(content, base.metadata, stored.length);
    if (patch === undefined) continue;
    patches.push({ digest: sha256Hex(patch), size: patch.length, base: base.canonical });
    blobs.push(patch);
  }
  const bundle = { digest: sha256Hex(stored), size: stored.length, verity: fsVerityDigest(stored).toString("hex") };
  const documents = assemblePacked(sha256Hex(manifest), config, platform, bundle, packs, { patches, lazy });
  blobs.push(Buffer.from(documents.config.bytes), Buffer.from(documents.bootstrap.bytes));
  return {
    manifest: documents.manifest,
    documents: blobs,
    bundleBytes: stored.length,
    patches: patches.map(({ base, size }) => ({ base, bytes: size })),
  };
}
