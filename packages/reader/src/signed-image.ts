import { fsVerityDigest, type Layout, type PublicKey, verifyStoredSignature } from "@puzzlefs/oci";
import { readHeader } from "./image.ts";

/** An image whose signature is good. Digests are hex. */
export interface SignedImage {
  /** sha256 of the canonical manifest. */
  manifest: string;
  /** fs-verity digest of the same bytes. */
  verity: string;
  /** What the signer wrote. */
  trustedComment: string;
}

/**
 * Verifies the stored signature of an image by a key. What is signed are the bytes of the canonical manifest, so sha256 and fs-verity
 * digest of the result are signed with them.
 *
 * @param digest sha256 of the stored manifest: a tag could be moved after the verification
 * @throws {SignatureError} there is none by this key, or it is not of this image
 */
export function verifySigned(layout: Layout, digest: string, key: PublicKey): SignedImage {
  const header = readHeader(layout, digest, { check: "used" });
  using opened = new DisposableStack();
  if (header.packed !== undefined) opened.defer(() => header.blobs.close());
  const { manifest, manifestDigest } = header;
  const trustedComment = verifyStoredSignature(layout, manifest, key);
  return { manifest: manifestDigest, verity: fsVerityDigest(manifest).toString("hex"), trustedComment };
}
