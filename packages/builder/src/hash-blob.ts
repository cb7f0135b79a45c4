import { createHash } from "node:crypto";

import { isSystemError } from "@puzzlefs/linux";
import { type BlobStore, FsVerityHasher, LayoutError, type StoredBlob } from "@puzzlefs/oci";

/** Of this thread. */
const buffer = Buffer.allocUnsafeSlow(1 << 20);

/** fs-verity digest and size of a blob, whatever its size; undefined if it cannot be read or its content does not have its digest. */
export function hashBlob(blobs: BlobStore, digest: string): { verity: Uint8Array; length: number } | undefined {
  let blob: StoredBlob | undefined;
  try {
    blob = blobs.open(digest);
    const sha256 = createHash("sha256");
    const verity = new FsVerityHasher();
    let length = 0;
    for (let count = blob.read(buffer, 0, 0); count > 0; count = blob.read(buffer, 0, length)) {
      const bytes = buffer.subarray(0, count);
      sha256.update(bytes);
      verity.update(bytes);
      length += count;
    }
    return sha256.digest("hex") === digest ? { verity: verity.digest(), length } : undefined;
  } catch (error) {
    if (isSystemError(error) || error instanceof LayoutError) return undefined;
    throw error;
  } finally {
    blob?.close();
  }
}
