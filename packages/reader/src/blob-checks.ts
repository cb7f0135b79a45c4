import { Bytes, findVerity } from "@puzzlefs/format";
import type { Rootfs } from "@puzzlefs/format";
import { hasCode, reasonOf } from "@puzzlefs/linux";
import { openPlain } from "./blob-cache.ts";
import { keyDigestBytes } from "./blob-key.ts";
import type { BlobOpener } from "./blob-cache.ts";
import type { BlobFile } from "./blob-file.ts";
import { IntegrityError } from "./errors.ts";
import { VerifiedBlob } from "./verified-blob.ts";

/** `verify: "blob"`: stored bytes are hashed each time that they are read from the store. */
export const hashing: BlobOpener = (file, key, shared) => new VerifiedBlob(openPlain(file, key, shared), key, shared);

/** `verity`: a blob is used only if the kernel enforces the fs-verity digest that the image records for it. */
export function measuring(rootfs: Rootfs): BlobOpener {
  return (file, key, shared) => {
    const recorded = findVerity(rootfs, Bytes.of(keyDigestBytes(key)));
    if (recorded === undefined) throw new IntegrityError(file.name, "verity", "the image records none");
    checkVerity(file, Buffer.from(recorded.toUint8Array()).toString("hex"));
    return openPlain(file, key, shared);
  };
}

const hint = "there the manifest's sha256 and --verify blob give the same certainty";

/** @throws {IntegrityError} unless the kernel enforces exactly this fs-verity digest on the open file */
export function checkVerity({ stored, name }: Pick<BlobFile, "stored" | "name">, expected: string): void {
  let measured: Buffer | undefined;
  try {
    measured = stored.measureVerity();
  } catch (error) {
    const missing = hasCode(error, "ENOTTY", "ENOTSUP", "EOPNOTSUPP");
    const why = missing ? `its file system has no fs-verity; ${hint}` : `cannot be measured: ${reasonOf(error)}`;
    throw new IntegrityError(name, "verity", why, error);
  }
  if (measured === undefined) throw new IntegrityError(name, "verity", "fs-verity is not enabled on it");
  const found = measured.toString("hex");
  if (found !== expected) throw new IntegrityError(name, "verity", `measured ${found}`);
}
