import { constants, readSync } from "node:fs";
import { absolutePath, close, FileStatus, openNamed, printable } from "@puzzlefs/linux";
import type { MountRequest } from "@puzzlefs/mount";
import { MINISIGN_LIMIT, parsePublicKey, type PublicKey, SignatureError } from "@puzzlefs/oci";

/** Reads a file of minisign: a key or a signature. Throws SystemError, or SignatureError if it is too large or no regular file. */
export function readKeyFile(path: string): string {
  const descriptor = openNamed(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const status = new FileStatus();
    status.readDescriptor(descriptor);
    if (status.type !== constants.S_IFREG) throw new SignatureError("malformed", printable(path), "not a regular file");
    const bytes = Buffer.alloc(MINISIGN_LIMIT + 1);
    let length = 0;
    for (let count = -1; length < bytes.length && count !== 0; length += count)
      count = readSync(descriptor, bytes, length, bytes.length - length, null);
    if (length > MINISIGN_LIMIT)
      throw new SignatureError("malformed", printable(path), `more than ${MINISIGN_LIMIT} bytes`);
    return bytes.toString("utf8", 0, length);
  } finally {
    close(descriptor);
  }
}

export function readPublicKey(path: string): PublicKey {
  return parsePublicKey(readKeyFile(path), printable(path));
}

/** What `pull` does with signatures: those of a registry are received if one by a key is required, or if they are asked for. */
export function signatureChoice(keyFile: string | undefined, isAsked = false): { signatures?: { key?: PublicKey } } {
  if (keyFile !== undefined) return { signatures: { key: readPublicKey(absolutePath(keyFile)) } };
  return isAsked ? { signatures: {} } : {};
}

/**
 * The settings of a mount that requires a signature by the key in a file. A signature is of names and digests: unless an fs-verity digest is
 * required, chunks are hashed when they are read.
 */
export function signatureSettings(
  keyFile: string | undefined,
  verify: MountRequest["verify"] | undefined,
  digest: string | undefined,
): Pick<MountRequest, "verify" | "signedBy"> {
  if (keyFile === undefined) return { verify: verify ?? "none" };
  return {
    verify: verify ?? (digest === undefined ? "blob" : "none"),
    signedBy: readPublicKey(absolutePath(keyFile)),
  };
}
