import { hash } from "node:crypto";

/** SHA-256 of `bytes`, 32 bytes. */
export function sha256(bytes: Uint8Array): Buffer {
  return hash("sha256", bytes, "buffer");
}

/** SHA-256 of `bytes`, 64 lower-case hex digits: a blob's name. */
export function sha256Hex(bytes: Uint8Array): string {
  return hash("sha256", bytes, "hex");
}

/** BLAKE2b-512 of `bytes`, 64 bytes. */
export function blake2b512(bytes: Uint8Array): Buffer {
  return hash("blake2b512", bytes, "buffer");
}

/** The 64 hex digits of "sha256:<hex>", or undefined for anything else. */
export function digestHex(digest: string): string | undefined {
  return /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1];
}

/** Whether `text` is 64 lower-case hex digits; only such text ever becomes a blob's path. */
export function isHexDigest(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}
