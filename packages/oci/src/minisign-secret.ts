import { createPrivateKey, createPublicKey, type KeyObject, scryptSync, sign } from "node:crypto";
import { blake2b512 } from "./digests.ts";
import {
  decode,
  ED25519_BYTES,
  isComment,
  KEY_ID_BYTES,
  keyIdOf,
  linesOf,
  publicKeyOf,
  SignatureError,
  signatureText,
} from "./minisign.ts";

/** A secret key of minisign, as its file has it. */
export interface SecretKeyFile {
  isEncrypted: boolean;
  /** For messages. */
  path: string;
  salt: Buffer;
  /** Of libsodium's crypto_pwhash_scryptsalsa208sha256. */
  operations: bigint;
  memory: bigint;
  /** Key id, secret key, checksum. */
  content: Buffer;
}

export interface SecretKey {
  id: Buffer;
  key: KeyObject;
}

const HEAD = 6;
const SALT_BYTES = 32;
const NUMBER_BYTES = 8;
const CHECKSUM_BYTES = 32;
const CONTENT_BYTES = KEY_ID_BYTES + 2 * ED25519_BYTES + CHECKSUM_BYTES;
/** minisign's own keys take 1 GiB. */
const MEMORY_LIMIT = 1n << 30n;
const OPERATIONS_LIMIT = 1n << 25n;
/** Of PKCS #8 with an Ed25519 key, before its 32 bytes. */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");

/** Throws SignatureError. */
export function parseSecretKey(text: string, path: string): SecretKeyFile {
  const lines = linesOf(text);
  const length = HEAD + SALT_BYTES + 2 * NUMBER_BYTES + CONTENT_BYTES;
  const bytes = lines.length === 2 && isComment(lines[0]) ? decode(lines[1] ?? "", length) : undefined;
  const head = bytes?.toString("latin1", 0, HEAD);
  if (bytes === undefined || (head !== "EdScB2" && head !== "Ed\0\0B2"))
    throw new SignatureError("malformed", path, "not a secret key of minisign");
  const numbers = HEAD + SALT_BYTES;
  const file = {
    isEncrypted: head === "EdScB2",
    path,
    salt: bytes.subarray(HEAD, numbers),
    operations: bytes.readBigUInt64LE(numbers),
    memory: bytes.readBigUInt64LE(numbers + NUMBER_BYTES),
    content: bytes.subarray(numbers + 2 * NUMBER_BYTES),
  };
  if (file.isEncrypted && (file.memory > MEMORY_LIMIT || file.operations > OPERATIONS_LIMIT))
    throw new SignatureError("malformed", path, "its password would take more than 1 GiB of memory");
  return file;
}

/** Decrypts the key; `password` is not used for a key without one. Takes a second and 1 GiB. Throws SignatureError. */
export function openSecretKey(file: SecretKeyFile, password: Uint8Array): SecretKey {
  const content = Buffer.from(file.content);
  if (file.isEncrypted) {
    const { cost, parallelization } = scryptCost(file.operations, file.memory);
    const stream = scryptSync(password, file.salt, content.length, {
      N: cost,
      r: BLOCK_SIZE,
      p: parallelization,
      maxmem: 2 * 128 * BLOCK_SIZE * (cost + parallelization),
    });
    for (const [index, byte] of stream.entries()) content[index] = (content[index] ?? 0) ^ byte;
  }
  const seed = content.subarray(KEY_ID_BYTES, KEY_ID_BYTES + ED25519_BYTES);
  const point = content.subarray(KEY_ID_BYTES + ED25519_BYTES, KEY_ID_BYTES + 2 * ED25519_BYTES);
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: "der", type: "pkcs8" });
  // The file has both halves: they belong together only if the password was right.
  if (!sameKey(key, point)) {
    if (file.isEncrypted) throw new SignatureError("password", file.path, "wrong password");
    throw new SignatureError("malformed", file.path, "a damaged secret key");
  }
  return { id: content.subarray(0, KEY_ID_BYTES), key };
}

/** Signs `message` by its BLAKE2b-512. Returns the text of a signature file. The comment must be one line. */
export function signMessage({ id, key }: SecretKey, message: Uint8Array, trustedComment: string): string {
  const signature = sign(null, blake2b512(message), key);
  const commentSignature = sign(null, Buffer.concat([signature, Buffer.from(trustedComment)]), key);
  return signatureText(id, { signature, trustedComment, commentSignature });
}

export function secretKeyId({ id }: SecretKey): string {
  return keyIdOf(id);
}

const BLOCK_SIZE = 8;

/** scrypt's parameters as libsodium derives them from its limits. */
function scryptCost(given: bigint, memory: bigint): { cost: number; parallelization: number } {
  const operations = given < 32_768n ? 32_768n : given;
  const isSlow = operations >= memory / 32n;
  const most = isSlow ? memory / BigInt(BLOCK_SIZE * 128) : operations / BigInt(BLOCK_SIZE * 4);
  let log = 1n;
  while (log < 63n && 1n << log <= most / 2n) log++;
  const cost = Number(1n << log);
  if (!isSlow) return { cost, parallelization: 1 };
  const products = operations / 4n / (1n << log);
  return { cost, parallelization: Math.max(1, Math.floor(Number(products) / BLOCK_SIZE)) };
}

/** Whether the public half of a secret key is this point. */
function sameKey(secret: KeyObject, point: Uint8Array): boolean {
  return createPublicKey(secret).equals(publicKeyOf(point));
}
