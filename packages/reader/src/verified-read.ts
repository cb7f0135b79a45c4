import { hash } from "node:crypto";
import { FormatError } from "@puzzlefs/format";
import type { BlobStore } from "@puzzlefs/oci";
import { checkVerity } from "./blob-checks.ts";
import { BlobFile } from "./blob-file.ts";
import { IntegrityError } from "./errors.ts";

/** A whole blob in memory, checked against its digest; `check` runs before that memory is taken. @throws {IntegrityError} */
export function readVerified(
  blobs: BlobStore,
  digest: string,
  name: string,
  check: (file: BlobFile) => void,
  verity?: string,
): Buffer {
  const file = new BlobFile(blobs, digest, name);
  try {
    check(file);
    if (verity !== undefined) checkVerity(file, verity);
    const bytes = Buffer.allocUnsafeSlow(file.size);
    file.read(bytes, 0);
    if (hash("sha256", bytes) !== digest) throw new IntegrityError(name, "digest");
    return bytes;
  } finally {
    file.close();
  }
}

/** Runs a parser; its errors name the object. */
export function inObject<T>(name: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw error instanceof FormatError ? error.in(name) : error;
  }
}
