import { canonicalJson } from "./canonical-json.ts";
import { digestHex, sha256Hex } from "./digests.ts";
import { LayoutError } from "./errors.ts";
import type { Layout } from "./image-layout.ts";
import type { Descriptor, IndexEntry } from "./index-json.ts";
import { isObject, parseObject } from "./json.ts";
import { EMPTY_CONFIG, MANIFEST_TYPE, SIGNATURE_TYPE } from "./manifest.ts";
import { MINISIGN_LIMIT, parseSignature, type PublicKey, SignatureError, verifySignature } from "./minisign.ts";
import { createStaging, removeStaging } from "./staging.ts";
import { Transaction } from "./transaction.ts";

/**
 * Signatures of images that are in a layout. Each is an artifact of its own (OCI 1.1): one layer, the signature file, and as its subject the canonical manifest, whose
 * bytes are signed. So it stays valid when the image is packed and unpacked. Its tag names both, so that tools which copy images by tags copy signatures.
 */

const MANIFEST_LIMIT = 65_536;
const TAG = /^sha256-([0-9a-f]{64})\.([0-9A-F]{16})\.minisig$/;

/** A signature, not verified. */
export interface StoredSignature {
  /** The id of the key that it claims to be of. */
  keyId: string;
  /** The signature file. */
  text: string;
}

/** The tag of the signature of an image by a key. */
export function signatureTag(canonical: string, keyId: string): string {
  return `sha256-${canonical}.${keyId}.minisig`;
}

/** Hex sha256 of the canonical manifest whose signature an entry is; undefined for other entries. */
export function signedBy({ tag }: Pick<IndexEntry, "tag">): string | undefined {
  return TAG.exec(tag ?? "")?.[1];
}

/** Stores the text of a signature file in the image's layout; it replaces one by the same key. */
export function storeSignature(layout: Layout, canonical: Uint8Array, keyId: string, text: string): void {
  const bytes = Buffer.from(text);
  const digest = sha256Hex(canonical);
  const subject = { mediaType: MANIFEST_TYPE, digest: `sha256:${digest}`, size: canonical.length };
  const manifest = signatureManifest(text, subject);
  const transaction = Transaction.begin(layout);
  let isDone = false;
  try {
    transaction.commit({ tag: signatureTag(digest, keyId), manifest, blobs: [transaction.writeBlob(bytes)] });
    isDone = true;
  } finally {
    if (!isDone) transaction.abort();
  }
}

/** The manifest of a signature as an artifact. */
export function signatureManifest(text: string, subject: Descriptor, annotations?: Record<string, string>): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.from(
    canonicalJson({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      artifactType: SIGNATURE_TYPE,
      config: EMPTY_CONFIG,
      layers: [{ mediaType: SIGNATURE_TYPE, digest: `sha256:${sha256Hex(bytes)}`, size: bytes.length }],
      subject,
      annotations,
    }),
  );
}

/** The signatures that a layout has of an image, by its canonical digest, not verified. Throws SignatureError, LayoutError for one that is damaged. */
export function signaturesOf(layout: Layout, canonical: string): StoredSignature[] {
  return [...layout.index().entries()].flatMap(({ tag, digest = "" }) => {
    const [, image, keyId] = TAG.exec(tag ?? "") ?? [];
    const manifest = digestHex(digest);
    if (image !== canonical || keyId === undefined || manifest === undefined) return [];
    return [{ keyId, text: readLayer(layout, manifest, `signature ${tag}`) }];
  });
}

/**
 * Verifies that the layout has a signature of an image by a key, and returns its trusted comment. `canonical` is the canonical
 * manifest, whose sha256 has been checked. Throws SignatureError.
 */
export function verifyStoredSignature(layout: Layout, canonical: Uint8Array, key: PublicKey): string {
  const digest = sha256Hex(canonical);
  const object = `image sha256:${digest}`;
  const tag = signatureTag(digest, key.id);
  const hex = [...layout.index().entries()].find((entry) => entry.tag === tag)?.digest;
  const manifest = digestHex(hex ?? "");
  if (manifest === undefined) throw new SignatureError("absent", object, `not signed by key ${key.id}`);
  const text = readLayer(layout, manifest, `signature ${tag}`);
  return verifySignature(parseSignature(text, `signature ${tag}`), canonical, key, object);
}

/** The entries of index.json without signatures of images that no entry names any more. */
export function entriesInUse(layout: Layout): IndexEntry[] {
  const isOrphan = orphans(layout);
  return [...layout.index().entries()].filter((entry) => !isOrphan(entry));
}

/** Removes signatures of images that no entry names any more from index.json, durably. Call it under the layout's lock. */
export function dropOrphanSignatures(layout: Layout): void {
  const index = layout.index();
  const isOrphan = orphans(layout);
  if (![...index.entries()].some(isOrphan)) return;
  const staging = createStaging(layout.directory);
  try {
    layout.replaceIndex(index.without(isOrphan), staging.directory);
  } finally {
    removeStaging(layout.directory, staging);
  }
}

function orphans(layout: Layout): (entry: IndexEntry) => boolean {
  if (![...layout.index().entries()].some((entry) => signedBy(entry) !== undefined)) return () => false;
  const present = new Set(layout.images().flatMap(({ hex, canonical }) => [hex, canonical]));
  return (entry) => {
    const image = signedBy(entry);
    return image !== undefined && !present.has(image);
  };
}

function readLayer(layout: Layout, manifest: string, name: string): string {
  const malformed = (): SignatureError => new SignatureError("malformed", name, "not a stored signature");
  const { layers, artifactType } = parseObject(layout.blobs.read(manifest, MANIFEST_LIMIT).toString("utf8"), name);
  const layer: unknown = Array.isArray(layers) && layers.length === 1 ? layers[0] : undefined;
  if (artifactType !== SIGNATURE_TYPE || !isObject(layer) || typeof layer["digest"] !== "string") throw malformed();
  const hex = digestHex(layer["digest"]);
  if (hex === undefined) throw malformed();
  try {
    return layout.blobs.read(hex, MINISIGN_LIMIT).toString("utf8");
  } catch (error) {
    if (error instanceof LayoutError && error.kind === "missing")
      throw new SignatureError("absent", name, error.message);
    throw error;
  }
}
