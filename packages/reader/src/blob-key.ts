/**
 * A blob and how to read it: "z" (zstd seekable) or "r" (raw), then its 32 digest bytes as latin1. The same
 * stored bytes may be referred to both ways.
 */
export type BlobKey = string;

export function blobKey(digest: Uint8Array, compressed: boolean): BlobKey {
  const bytes = Buffer.from(digest.buffer, digest.byteOffset, digest.length);
  return (compressed ? "z" : "r") + bytes.toString("latin1");
}

export function keyDigestBytes(key: BlobKey): Buffer {
  return Buffer.from(key.slice(1), "latin1");
}

/** Hex of the digest in a key. */
export function keyDigest(key: BlobKey): string {
  return keyDigestBytes(key).toString("hex");
}
