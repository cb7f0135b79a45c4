import {
  EMPTY_CONFIG,
  isObject,
  type Layout,
  MANIFEST_TYPE,
  MINISIGN_LIMIT,
  parseObject,
  parseSignature,
  type PublicKey,
  sha256Hex,
  SIGNATURE_TYPE,
  SignatureError,
  signatureManifest,
  signaturesOf,
  storeSignature,
  type StoredSignature,
  verifySignature,
  verifyStoredSignature,
} from "@puzzlefs/oci";
import { RegistryError, type Referrer, type RepositoryAccess } from "@puzzlefs/registry";
import { Readable } from "node:stream";

/**
 * Signatures in a registry: each is an artifact whose subject is the manifest that is there, and whose message is the canonical one. Its text is also in an annotation, which
 * lists of referrers have: so one request gets all of them, and a registry that collects artifacts still has them in its list.
 */
const TEXT_ANNOTATION = "io.puzzlefs.signature.minisign";
/** Signatures of an image that are sent, or received. */
const MOST_SIGNATURES = 16;
/** Artifacts that are asked for, where their list has no annotations. */
const MOST_REQUESTS = 64;
const MANIFEST_LIMIT = 65_536;

/** Which signatures `pull` receives: all, with a key one by it at least. */
export interface SignatureChoice {
  key?: PublicKey;
}

/**
 * Sends the signatures that a layout has of an image to the registry, without those that are there. Returns how many the image has. Throws
 * RegistryError, SignatureError.
 *
 * @param pushed the manifest as the registry will have it
 */
export async function pushSignatures(
  layout: Layout,
  canonical: Buffer,
  pushed: Buffer,
  target: RepositoryAccess,
  signal: AbortSignal,
): Promise<number> {
  const signatures = signaturesOf(layout, sha256Hex(canonical));
  if (signatures.length === 0) return 0;
  if (signatures.length > MOST_SIGNATURES)
    throw new SignatureError(
      "malformed",
      `image sha256:${sha256Hex(canonical)}`,
      `more than ${MOST_SIGNATURES} signatures`,
    );
  const subject = { mediaType: MANIFEST_TYPE, digest: `sha256:${sha256Hex(pushed)}`, size: pushed.length };
  const there = new Set((await target.referrers(subject.digest, SIGNATURE_TYPE, signal)).map(({ digest }) => digest));
  for (const { text } of signatures) {
    const annotations = { [TEXT_ANNOTATION]: text };
    const bytes = signatureManifest(text, subject, annotations);
    const digest = `sha256:${sha256Hex(bytes)}`;
    if (there.has(digest)) continue;
    for (const blob of [Buffer.from(text), Buffer.from(EMPTY_CONFIG.data, "base64")])
      await uploadSmall(target, blob, signal);
    const artifact = {
      digest,
      size: bytes.length,
      mediaType: MANIFEST_TYPE,
      artifactType: SIGNATURE_TYPE,
      annotations,
    };
    await target.putReferrer(bytes, artifact, subject.digest, signal);
  }
  return signatures.length;
}

async function uploadSmall(target: RepositoryAccess, bytes: Buffer, signal: AbortSignal): Promise<void> {
  const digest = `sha256:${sha256Hex(bytes)}`;
  if ((await target.hasBlob(digest, signal)) !== undefined) return;
  const read = (start: number): Readable => Readable.from([bytes.subarray(start)], { objectMode: false });
  await target.upload({ digest, size: bytes.length, read, signal });
}

/** What a registry has as signatures of a manifest. */
export interface ReceivedSignatures {
  /** Well-formed, small, and not verified. */
  signatures: StoredSignature[];
  /** Artifacts in its list. */
  listed: number;
}

/** Nothing is asked for without a choice. Those of its key, if it has one, come first. Throws RegistryError. */
export async function receiveSignatures(
  repository: RepositoryAccess,
  digest: string,
  choice: SignatureChoice | undefined,
  signal?: AbortSignal,
): Promise<ReceivedSignatures> {
  if (choice === undefined) return { signatures: [], listed: 0 };
  const referrers = await repository.referrers(`sha256:${digest}`, SIGNATURE_TYPE, signal);
  const found: StoredSignature[] = [];
  let requests = 0;
  for (const referrer of referrers) {
    let text: string | undefined = referrer.annotations[TEXT_ANNOTATION];
    if (text === undefined && requests < MOST_REQUESTS) {
      requests++;
      text = await readText(repository, referrer, signal);
    }
    const keyId = text === undefined ? undefined : keyIdOf(text);
    if (text !== undefined && keyId !== undefined) found.push({ keyId, text });
  }
  const [own = [], others = []] = [true, false].map((isOwn) =>
    found.filter(({ keyId }) => (keyId === choice.key?.id) === isOwn),
  );
  return { signatures: [...own, ...others].slice(0, MOST_SIGNATURES), listed: referrers.length };
}

/** The annotation of an artifact in a registry whose list has none. */
async function readText(
  repository: RepositoryAccess,
  { digest }: Referrer,
  signal?: AbortSignal,
): Promise<string | undefined> {
  try {
    const options = { accept: [MANIFEST_TYPE], limit: MANIFEST_LIMIT, ...(signal !== undefined && { signal }) };
    const { bytes } = await repository.manifest(digest, options);
    const { annotations } = parseObject(bytes.toString("utf8"), `signature ${digest}`);
    const text = isObject(annotations) ? annotations[TEXT_ANNOTATION] : undefined;
    return typeof text === "string" ? text : undefined;
  } catch (error) {
    if (error instanceof RegistryError && error.kind !== "absent") throw error;
    return undefined;
  }
}

function keyIdOf(text: string): string | undefined {
  if (Buffer.byteLength(text) > MINISIGN_LIMIT) return undefined;
  try {
    return parseSignature(text, "").keyId;
  } catch (error) {
    if (error instanceof SignatureError) return undefined;
    throw error;
  }
}

/** Throws SignatureError unless a signature that was received, or that the layout has, is of this image by the key. */
export function requireSigned(
  layout: Layout,
  canonical: Buffer,
  { signatures: received }: ReceivedSignatures,
  { key }: SignatureChoice,
): void {
  if (key === undefined || received.some((signature) => isGood(signature, canonical, key))) return;
  const claimed = received.find(({ keyId }) => keyId === key.id);
  try {
    verifyStoredSignature(layout, canonical, key);
  } catch (error) {
    if (claimed === undefined || !(error instanceof SignatureError)) throw error;
    const object = `image sha256:${sha256Hex(canonical)}`;
    verifySignature(parseSignature(claimed.text, object), canonical, key, object);
  }
}

/** Signatures of a registry after a pull, in numbers. */
export interface SignatureCounts {
  /** Those that the registry has of the image and the layout now has too; 0 if they were not asked for. */
  signatures: number;
  /** Those that the layout has not: malformed, beside another one of the same key, or too many. */
  skippedSignatures: number;
}

/**
 * Stores signatures that were received, one for each key. One that the layout has is replaced only by one that is verified, in place of one that
 * is not good.
 */
export function storeReceived(
  layout: Layout,
  canonical: Buffer,
  { signatures: received, listed }: ReceivedSignatures,
  { key }: SignatureChoice,
): SignatureCounts {
  const stored = new Map(signaturesOf(layout, sha256Hex(canonical)).map((one) => [one.keyId, one]));
  let signatures = 0;
  for (const [keyId, [first, ...others]] of Map.groupBy(received, (one) => one.keyId)) {
    const own = key?.id === keyId ? key : undefined;
    const there = stored.get(keyId);
    const good = own && [first, ...others].find((one) => one !== undefined && isGood(one, canonical, own));
    const isKept = there !== undefined && (own === undefined || good === undefined || isGood(there, canonical, own));
    const chosen = good ?? first;
    if (!isKept && chosen !== undefined) storeSignature(layout, canonical, keyId, chosen.text);
    if (!isKept || there.text === chosen?.text) signatures++;
  }
  return { signatures, skippedSignatures: listed - signatures };
}

function isGood({ text }: StoredSignature, canonical: Buffer, key: PublicKey): boolean {
  try {
    verifySignature(parseSignature(text, ""), canonical, key, "");
    return true;
  } catch (error) {
    if (error instanceof SignatureError) return false;
    throw error;
  }
}
