import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { escapeText } from "@puzzlefs/linux";
import { blake2b512 } from "./digests.ts";

/**
 * The formats of minisign (https://jedisct1.github.io/minisign): Ed25519 over the bytes, or over their BLAKE2b-512. Files are a few lines of text;
 * all numbers in them are of fixed size.
 */

/** Kinds of errors. "malformed": no key, or no signature. "untrusted": not of that key, or not of those bytes. "password": it does not open the key. */
export type SignatureFailure = "malformed" | "untrusted" | "absent" | "password";

/** A signature or key that cannot be used; the message names the file or the image. */
export class SignatureError extends Error {
  override readonly name = "SignatureError";
  readonly kind: SignatureFailure;

  constructor(kind: SignatureFailure, object: string, problem: string) {
    super(`${object}: ${problem}`);
    this.kind = kind;
  }
}

/** A file of minisign is at most this large, bytes. Its own limit for comments is 8 KiB each. */
export const MINISIGN_LIMIT = 32 * 1024;

export interface PublicKey {
  /** 16 hex digits, as minisign prints them. */
  id: string;
  key: KeyObject;
}

/** A signature, not verified. */
export interface Signature {
  /** The id of the key that it claims to be of. */
  keyId: string;
  /** Whether the BLAKE2b-512 of the bytes is signed; else the bytes themselves, as minisign did before 0.10. */
  isHashed: boolean;
  signature: Buffer;
  trustedComment: string;
  /** Of the signature and the trusted comment. */
  commentSignature: Buffer;
}

export const KEY_ID_BYTES = 8;
export const ED25519_BYTES = 32;
const SIGNATURE_BYTES = 64;
const ALGORITHM_BYTES = 2;
/** Of SubjectPublicKeyInfo of an Ed25519 key, before its 32 bytes. */
const SPKI = Buffer.from("302a300506032b6570032100", "hex");

/** Throws SignatureError. `path` is for messages. */
export function parsePublicKey(text: string, path: string): PublicKey {
  const lines = linesOf(text);
  // A key alone, as minisign's -P takes it, or the two lines of a file.
  const encoded = lines.length === 1 ? lines[0] : lines.length === 2 && isComment(lines[0]) ? lines[1] : undefined;
  const bytes = encoded === undefined ? undefined : decode(encoded, ALGORITHM_BYTES + KEY_ID_BYTES + ED25519_BYTES);
  if (bytes?.toString("latin1", 0, ALGORITHM_BYTES) !== "Ed")
    throw new SignatureError("malformed", path, "not a public key of minisign");
  const point = bytes.subarray(ALGORITHM_BYTES + KEY_ID_BYTES);
  return { id: keyIdOf(bytes.subarray(ALGORITHM_BYTES)), key: publicKeyOf(point) };
}

/** Throws SignatureError. `path` is for messages. */
export function parseSignature(text: string, path: string): Signature {
  const malformed = (): SignatureError => new SignatureError("malformed", path, "not a signature of minisign");
  const lines = linesOf(text);
  const [comment, encoded = "", trusted = "", encodedGlobal = ""] = lines;
  const bytes = decode(encoded, ALGORITHM_BYTES + KEY_ID_BYTES + SIGNATURE_BYTES);
  const commentSignature = decode(encodedGlobal, SIGNATURE_BYTES);
  const [, trustedComment] = /^trusted comment: (.*)$/s.exec(trusted) ?? [];
  const algorithm = bytes?.toString("latin1", 0, ALGORITHM_BYTES) ?? "";
  if (lines.length !== 4 || !isComment(comment) || !["Ed", "ED"].includes(algorithm)) throw malformed();
  if (bytes === undefined || commentSignature === undefined || trustedComment === undefined) throw malformed();
  return {
    keyId: keyIdOf(bytes.subarray(ALGORITHM_BYTES)),
    isHashed: algorithm === "ED",
    signature: bytes.subarray(ALGORITHM_BYTES + KEY_ID_BYTES),
    trustedComment,
    commentSignature,
  };
}

/** Returns the trusted comment of a signature of `message` by `key`. Throws SignatureError (untrusted). `path` is for messages. */
export function verifySignature(signature: Signature, message: Uint8Array, key: PublicKey, path: string): string {
  if (signature.keyId !== key.id) {
    throw new SignatureError("untrusted", path, `a signature by key ${signature.keyId}, not by key ${key.id}`);
  }
  const comment = Buffer.from(signature.trustedComment);
  const isCommentGood = verify(
    null,
    Buffer.concat([signature.signature, comment]),
    key.key,
    signature.commentSignature,
  );
  const signed = signature.isHashed ? blake2b512(message) : message;
  if (!verify(null, signed, key.key, signature.signature)) {
    const hint = isCommentGood ? `; its comment is "${escapeText(signature.trustedComment)}"` : "";
    throw new SignatureError("untrusted", path, `not a signature of this image by key ${key.id}${hint}`);
  }
  if (!isCommentGood) throw new SignatureError("untrusted", path, `its trusted comment was changed`);
  return signature.trustedComment;
}

/** The text of a signature file. Comments have no line breaks. */
export function signatureText(
  keyId: Uint8Array,
  { signature, trustedComment, commentSignature }: Omit<Signature, "keyId" | "isHashed">,
): string {
  const encoded = Buffer.concat([Buffer.from("ED"), keyId, signature]).toString("base64");
  return [
    `untrusted comment: signature from puzzlefs`,
    encoded,
    `trusted comment: ${trustedComment}`,
    commentSignature.toString("base64"),
    "",
  ].join("\n");
}

export function publicKeyOf(point: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI, point]), format: "der", type: "spki" });
}

/** minisign prints the bytes as a little-endian number. */
export function keyIdOf(bytes: Buffer): string {
  return bytes.readBigUInt64LE().toString(16).toUpperCase().padStart(16, "0");
}

export function linesOf(text: string): string[] {
  return text.replace(/\r?\n$/, "").split(/\r?\n/);
}

export function isComment(line: string | undefined): boolean {
  return line?.startsWith("untrusted comment: ") === true;
}

/** The bytes of canonical base64; undefined for anything else, and for another length. */
export function decode(text: string, length: number): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.length === length && bytes.toString("base64") === text ? bytes : undefined;
}
