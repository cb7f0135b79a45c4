import { MAX_BUNDLE_BYTES, MAX_MANIFEST_BYTES, MAX_METADATA_BYTES, type PlaceTable } from "@puzzlefs/format";
import { checkChunks, chunkPlan } from "@puzzlefs/lazy";
import {
  hostPlatform,
  Layout,
  LayoutError,
  type LazyState,
  lazyState,
  parseImageConfig,
  type Platform,
  type PlatformChoice,
  recordLazy,
  referencedBlobs,
  Transaction,
  Turns,
  type Waiting,
} from "@puzzlefs/oci";
import { readHeader } from "@puzzlefs/reader";
import type { RegistryAccess, Reference, RegistryOptions } from "@puzzlefs/registry";
import { findImage, type RemoteImage } from "./remote-image.ts";
import { receiveSignatures, requireSigned, type SignatureChoice, storeReceived } from "./signatures.ts";

/** Documents of an image, and the bytes of those beside unpacked metadata: they are in memory together. */
const MOST_DOCUMENTS = 64;
const MOST_DOCUMENT_BYTES = 2 * MAX_BUNDLE_BYTES;

export interface LazyPullRequest extends PlatformChoice {
  registry: RegistryAccess;
  /** How `registry` was opened: the fetcher does it likewise. */
  access: Pick<RegistryOptions, "plainHttp" | "authFile">;
  source: Reference;
  ociDir: string;
  tag: string;
  waiting: Waiting;
  /** Receive the signatures of the image too. */
  signatures?: SignatureChoice;
  signal: AbortSignal;
}

export interface LazyPullResult {
  /** sha256 of the stored manifest, hex. */
  digest: string;
  receivedBytes: number;
  /** Undefined: the layout had all chunks. */
  state: LazyState | undefined;
  /** As of PullResult. */
  signatures: number;
}

/**
 * Gets an image without its chunks, which are fetched when they are read: its manifest, metadata, and documents. Everything is checked before the
 * tag names the image. Throws LayoutError, FormatError, IntegrityError, RegistryError, and the reason of the signal.
 */
export async function pullLazy(request: LazyPullRequest): Promise<LazyPullResult> {
  const { registry, source, ociDir, tag, signatures: wanted, signal } = request;
  const turns = new Turns(() => signal.throwIfAborted());
  const repository = registry.open(source, "pull");
  const image = await findImage(repository, request, signal);
  const signatures = wanted === undefined ? [] : await receiveSignatures(repository, image.digest, signal);
  using layout = await Layout.createAsync(ociDir, request.waiting, turns);
  try {
    const { config, received } = await receiveDocuments(image, layout, turns, signal);
    using _ = layout.use(image.digest);
    const { canonical, table } = checkedImage(layout, image);
    if (wanted !== undefined) requireSigned(layout, canonical, signatures, wanted);
    const name = `${repository.name}@sha256:${image.digest}`;
    const { plainHttp = false, authFile } = request.access;
    const access = { plainHttp, ...(authFile !== undefined && { authFile }) };
    await recordLazy(layout, image.digest, { reference: name, name: image.name, ...access }, table, turns);
    const platform = image.platform ?? platformOf(config) ?? hostPlatform();
    const transaction = await Transaction.beginAsync(layout, turns);
    try {
      const committed = await transaction.commitAsync(
        { tag, manifest: image.manifest, blobs: [], platform, isLazy: true },
        turns,
      );
      const state = lazyState(layout, image.digest);
      const stored = storeReceived(layout, canonical, signatures, wanted ?? {});
      const receivedBytes = image.manifest.length + received;
      return { digest: committed.digest, receivedBytes, state, signatures: stored };
    } finally {
      transaction.abort();
    }
  } catch (error) {
    layout.removeIfNew();
    throw error;
  }
}

/** Stores what the image needs beside chunks and packs. Returns its configuration, and the number of bytes that were received. */
async function receiveDocuments(
  { repository, manifest, name }: RemoteImage,
  layout: Layout,
  turns: Turns,
  signal: AbortSignal,
): Promise<{ config: Buffer | undefined; received: number }> {
  const listed = referencedBlobs(manifest, name);
  const transaction = await Transaction.beginAsync(layout, turns);
  try {
    const documents = listed.flatMap(({ type, digest, size }) => {
      if (type === "chunk" || type === "compressed-chunk" || type === "pack") return [];
      if (digest === undefined || size === undefined)
        throw new LayoutError("corrupt", name, "its manifest lists a blob without digest or size");
      const limit = type === "rootfs" ? MAX_METADATA_BYTES : type === "bundle" ? MAX_BUNDLE_BYTES : MAX_MANIFEST_BYTES;
      if (size > limit)
        throw new LayoutError("unsupported", name, `sha256:${digest} has ${size} bytes, more than ${limit}`);
      return [{ type, digest, size }];
    });
    checkDocuments(documents, name);
    let received = 0;
    const stored = await Promise.all(
      documents.map(async ({ type, digest, size }) => {
        const isKnown = transaction.has(digest) && layout.blobs.size(digest) === size;
        if (isKnown) return { type, bytes: transaction.readBlob(digest, size) };
        received += size;
        return { type, bytes: await repository.readBlob(`sha256:${digest}`, size, signal) };
      }),
    );
    const staged = stored.map(({ bytes }) => transaction.writeBlob(bytes));
    await transaction.commitBlobsAsync([...staged, transaction.writeBlob(manifest)], turns);
    return { config: stored.find(({ type }) => type === "config")?.bytes, received };
  } finally {
    transaction.abort();
  }
}

/** Throws LayoutError for more documents than an image has. */
function checkDocuments(documents: readonly { type: string; size: number }[], name: string): void {
  const metadata = documents.filter(({ type }) => type === "rootfs" || type === "bundle").length;
  if (metadata > 1) throw new LayoutError("corrupt", name, `its manifest lists ${metadata} blobs of metadata`);
  const bytes = documents.reduce((sum, { type, size }) => sum + (type === "rootfs" ? 0 : size), 0);
  if (documents.length > MOST_DOCUMENTS || bytes > MOST_DOCUMENT_BYTES)
    throw new LayoutError("unsupported", name, `${documents.length} documents of ${bytes} bytes are too many`);
}

/**
 * Checks the image by its rules. Returns its canonical manifest, and the place table of one that is packed. Throws IntegrityError, FormatError; LayoutError
 * (unsupported) for chunks that are too large.
 */
function checkedImage(layout: Layout, { digest }: RemoteImage): { canonical: Buffer; table: PlaceTable | undefined } {
  const { packed, blobs, manifest: canonical } = readHeader(layout, digest);
  if (packed === undefined) {
    chunkPlan(layout, digest);
    return { canonical, table: undefined };
  }
  blobs.close();
  checkChunks(packed.table, layout.path);
  return { canonical, table: packed.table };
}

/** Undefined where the configuration is not one of OCI. */
function platformOf(config: Buffer | undefined): Platform | undefined {
  try {
    const { architecture, os, variant } = parseImageConfig(config ?? Buffer.alloc(0), "config");
    return { architecture, os, ...(typeof variant === "string" && { variant }) };
  } catch (error) {
    if (!(error instanceof LayoutError)) throw error;
    return undefined;
  }
}
