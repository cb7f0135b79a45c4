import { MAX_BUNDLE_BYTES, MAX_MANIFEST_BYTES, MAX_METADATA_BYTES, type PlaceTable } from "@puzzlefs/format";
import { checkChunks, chunkPlan } from "@puzzlefs/lazy";
import {
  hostPlatform,
  Layout,
  LayoutError,
  type LazyState,
  lazyState,
  type PlatformChoice,
  recordLazy,
  referencedBlobs,
  sha256Hex,
  Transaction,
  Turns,
  type Waiting,
} from "@puzzlefs/oci";
import { IntegrityError, readHeader } from "@puzzlefs/reader";
import type { RegistryAccess, Reference, RegistrySettings } from "@puzzlefs/registry";
import { configuredPlatform } from "./platform.ts";
import { findImage, type RemoteImage } from "./remote-image.ts";
import {
  type ReceivedSignatures,
  receiveSignatures,
  requireSigned,
  type SignatureChoice,
  type SignatureCounts,
  storeReceived,
} from "./signatures.ts";

/** Documents of an image, and the bytes of those beside unpacked metadata: they are in memory together. */
const MOST_DOCUMENTS = 64;
const MOST_DOCUMENT_BYTES = 2 * MAX_BUNDLE_BYTES;

export interface LazyPullRequest extends PlatformChoice {
  registry: RegistryAccess;
  /** How `registry` was opened: the fetcher does it likewise. */
  access: RegistrySettings;
  source: Reference;
  ociDir: string;
  tag: string;
  /** Demanded: sha256 of the canonical manifest, hex. */
  canonical?: string;
  waiting: Waiting;
  /** Receive the signatures of the image too. */
  signatures?: SignatureChoice;
  /** Runs what takes the layout's lock, where this thread may take it otherwise, too; default: at once. */
  exclusively?: <T>(work: () => Promise<T>) => Promise<T>;
  signal: AbortSignal;
}

interface Documents {
  bytes: Buffer[];
  config: Buffer | undefined;
  /** Bytes that the layout did not have. */
  received: number;
}

export interface LazyPullResult extends SignatureCounts {
  /** sha256 of the stored manifest, hex. */
  digest: string;
  receivedBytes: number;
  /** Undefined: the layout had all chunks. */
  state: LazyState | undefined;
}

/**
 * Gets an image without its chunks, which are fetched when they are read: its manifest, metadata, and documents. Everything is checked before the
 * tag names the image. Throws LayoutError, FormatError, IntegrityError, RegistryError, and the reason of the signal.
 */
export async function pullLazy(request: LazyPullRequest): Promise<LazyPullResult> {
  const { registry, source, ociDir, signatures: wanted, signal, exclusively = (work) => work() } = request;
  const turns = new Turns(() => signal.throwIfAborted());
  const repository = registry.open(source, "pull");
  const image = await findImage(repository, request, signal);
  const signatures = await receiveSignatures(repository, image.digest, wanted, signal);
  using layout = await Layout.createAsync(ociDir, request.waiting, turns);
  try {
    const documents = await receiveDocuments(image, layout, signal);
    const stored = await exclusively(() => store(request, layout, image, documents, signatures, turns));
    return { digest: image.digest, receivedBytes: image.manifest.length + documents.received, ...stored };
  } catch (error) {
    layout.removeIfNew();
    throw error;
  }
}

/** Gets what the image needs beside chunks and packs: its configuration, metadata and documents. */
async function receiveDocuments(
  { repository, manifest, name }: RemoteImage,
  layout: Layout,
  signal: AbortSignal,
): Promise<Documents> {
  const documents = referencedBlobs(manifest, name).flatMap(({ type, digest, size }) => {
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
  const read = await Promise.all(
    documents.map(async ({ type, digest, size }) => {
      const known = storedBlob(layout, digest, size);
      if (known !== undefined) return { type, bytes: known };
      received += size;
      return { type, bytes: await repository.readBlob(`sha256:${digest}`, size, signal) };
    }),
  );
  const config = read.find(({ type }) => type === "config")?.bytes;
  return { bytes: read.map(({ bytes }) => bytes), config, received };
}

/** Undefined unless the layout has all of it. */
function storedBlob({ blobs }: Layout, digest: string, size: number): Buffer | undefined {
  try {
    const bytes = blobs.size(digest) === size ? blobs.read(digest, size) : undefined;
    return bytes !== undefined && sha256Hex(bytes) === digest ? bytes : undefined;
  } catch (error) {
    // Damaged, or removed meanwhile.
    if (!(error instanceof LayoutError)) throw error;
    return undefined;
  }
}

/** Stores documents, record, tag and signatures, unless a required one is not there. */
async function store(
  { access, canonical: demanded, tag, signatures: wanted }: LazyPullRequest,
  layout: Layout,
  image: RemoteImage,
  documents: Documents,
  signatures: ReceivedSignatures,
  turns: Turns,
): Promise<Pick<LazyPullResult, "state" | keyof SignatureCounts>> {
  await staged(layout, turns, (transaction) => {
    const blobs = [...documents.bytes, image.manifest].map((bytes) => transaction.writeBlob(bytes));
    return transaction.commitBlobsAsync(blobs, turns);
  });
  using _ = layout.use(image.digest);
  const { canonical, table } = checkedImage(layout, image, demanded);
  if (wanted !== undefined) requireSigned(layout, canonical, signatures, wanted);
  const reference = `${image.repository.name}@sha256:${image.digest}`;
  const { plainHttp = false } = access;
  await recordLazy(layout, image.digest, { reference, name: image.name, ...access, plainHttp }, table, turns);
  const platform =
    image.platform ?? (documents.config && configuredPlatform(documents.config, image.name)) ?? hostPlatform();
  const { manifest } = image;
  await staged(layout, turns, (transaction) =>
    transaction.commitAsync({ tag, manifest, blobs: [], platform, isLazy: true }, turns),
  );
  const state = lazyState(layout, image.digest);
  return { state, ...storeReceived(layout, canonical, signatures, wanted ?? {}) };
}

async function staged(
  layout: Layout,
  turns: Turns,
  write: (transaction: Transaction) => Promise<unknown>,
): Promise<void> {
  const transaction = await Transaction.beginAsync(layout, turns);
  try {
    await write(transaction);
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
function checkedImage(
  layout: Layout,
  { digest, name }: RemoteImage,
  demanded: string | undefined,
): { canonical: Buffer; table: PlaceTable | undefined } {
  const { packed, blobs, manifest: canonical, manifestDigest } = readHeader(layout, digest);
  if (demanded !== undefined && manifestDigest !== demanded)
    throw new IntegrityError(`manifest sha256:${manifestDigest}`, "verity", `${name} should be sha256:${demanded}`);
  if (packed === undefined) {
    chunkPlan(layout, digest);
    return { canonical, table: undefined };
  }
  blobs.close();
  checkChunks(packed.table, layout.path);
  return { canonical, table: packed.table };
}
