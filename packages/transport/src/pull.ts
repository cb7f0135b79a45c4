import { closeBlobs, openLayout } from "@puzzlefs/builder/packed";
import { FormatError, type ManifestBlob } from "@puzzlefs/format";
import { isSystemError } from "@puzzlefs/linux";
import {
  canonicalOf,
  fsVerityDigest,
  hostPlatform,
  type Layout,
  LayoutError,
  type Platform,
  type PlatformChoice,
  referencedBlobs,
  sha256Hex,
  type StagedBlob,
  systemFailure,
  Transaction,
  Turns,
} from "@puzzlefs/oci";
import { type ImageHeader, IntegrityError, readHeader } from "@puzzlefs/reader";
import type { RepositoryAccess } from "@puzzlefs/registry";
import { abortable } from "./abort.ts";
import { settleRemote } from "./bundle.ts";
import { type Download, download, wantedBytes } from "./download.ts";
import { LocalChunks } from "./local-chunks.ts";
import { checkPlatform, platformOf } from "./platform.ts";
import { canonicalTransfer, readCanonical } from "./pull-canonical.ts";
import { looseTransfer, packedTransfer } from "./pull-packed.ts";
import type { Pulled, PullTarget, Transfer } from "./pull-target.ts";
import { type ExpectedChunk, Leftovers } from "./leftovers.ts";
import { findImage, type RemoteImage } from "./remote-image.ts";
import {
  receiveSignatures,
  requireSigned,
  type SignatureChoice,
  type SignatureCounts,
  storeReceived,
} from "./signatures.ts";

export interface PullOptions extends PlatformChoice {
  /** Opened for "pull". */
  repository: RepositoryAccess;
  /** The layout, which is made if there is none. */
  ociDir: string;
  tag: string;
  /** Store each chunk as a blob, not packs. */
  loose?: boolean;
  /** Demanded: sha256 or fs-verity digest of the canonical manifest, hex. */
  digest?: string;
  /** Receive the signatures of the image too. */
  signatures?: SignatureChoice;
  /** Called with the bytes that have been received and all that will be. */
  progress?: (done: number, total: number) => void;
  /** Called regularly; what it throws ends the work. */
  check?: () => void;
  warn?: (message: string) => void;
}

export interface PullResult extends SignatureCounts {
  /** sha256 and fs-verity digest of the canonical manifest, hex. */
  manifest: string;
  manifestVerity: string;
  /** sha256 of the manifest that index.json names. */
  storedManifest: string;
  isPacked: boolean;
  chunks: number;
  /** Chunks that were received, and bytes: of them, of metadata, and of what was received with them. */
  receivedChunks: number;
  receivedBytes: number;
  /** Whether the metadata came as a patch. */
  isPatched: boolean;
  packs: number;
  newPacks: number;
  newBlobs: number;
  newBytes: number;
  /** False: the layout had the image under this tag. */
  changed: boolean;
}

/** What is known of an image before its chunks are received. */
interface Described {
  /** The canonical one. */
  manifest: Buffer;
  chunks: readonly ExpectedChunk[];
  config: Uint8Array;
  /** Bytes. */
  received: number;
  isPatched: boolean;
  begin(target: PullTarget, local: LocalChunks): Promise<Transfer>;
}

/** Chunks are read into memory. */
const LARGEST_CHUNK = 2 ** 28;

/**
 * Copies an image from a registry into a layout. Only chunks that the layout lacks are received. What has arrived stays in the layout
 * also when this fails, so that the next call receives the rest. Throws LayoutError, FormatError, IntegrityError, RegistryError, and what
 * `check` throws; then no tag has changed.
 */
export async function pull(options: PullOptions): Promise<PullResult> {
  const { repository, ociDir, tag, check = () => {}, warn = () => {} } = options;
  return abortable(check, async (signal) => {
    const turns = new Turns(check);
    const image = await findImage(repository, options, signal);
    const { signatures: wanted } = options;
    const signatures = await receiveSignatures(image.repository, image.digest, wanted, signal);
    const demand = (at: Layout, manifest: Buffer): void => {
      checkDigest(manifest, options.digest);
      if (wanted !== undefined) requireSigned(at, manifest, signatures, wanted);
    };
    const { layout, transaction } = await openLayout({ ociDir, check, warn }, turns, Transaction.beginUnsweptAsync);
    using _ = layout;
    let isDone = false;
    try {
      const target = { layout, transaction, turns };
      const found =
        (await tagged(image, target, options, demand)) ?? (await received(image, target, options, demand, signal));
      isDone = true;
      const { canonical, ...result } = found;
      return { ...result, ...storeReceived(layout, canonical, signatures, wanted ?? {}) };
    } catch (error) {
      throw systemFailure(error, layout.path, `store the image as ${tag}`);
    } finally {
      transaction.abort();
      if (!isDone) layout.removeIfNew();
    }
  });
}

/** Throws IntegrityError, SignatureError unless a canonical manifest is what is demanded. */
type Demand = (layout: Layout, manifest: Buffer) => void;
type Found = Omit<PullResult, keyof SignatureCounts> & { canonical: Buffer };

/** Tags an image that the layout has; undefined if it does not have all of it, or in another form than is wanted. */
async function tagged(
  image: RemoteImage,
  { layout, transaction, turns }: PullTarget,
  { tag, loose = false, platform }: PullOptions,
  demand: Demand,
): Promise<Found | undefined> {
  const header = storedHeader(layout, canonicalOf(image.manifest) ?? image.digest);
  if (header === undefined || (loose && header.packed !== undefined)) return undefined;
  demand(layout, header.manifest);
  await transaction.inheritAsync(turns);
  const { packed, manifest } = header;
  const result = {
    ...identityOf(manifest),
    canonical: manifest,
    isPacked: packed !== undefined,
    packs: packed?.packs.length ?? 0,
    newPacks: 0,
    chunks: packed?.chunks.length ?? 0,
    receivedChunks: 0,
    receivedBytes: 0,
    isPatched: false,
  };
  const storedManifest = packed?.digest ?? header.manifestDigest;
  const known = layout.images().find(({ hex }) => hex === storedManifest)?.platform;
  const own = image.platform ?? (typeof known === "object" ? known : hostPlatform());
  checkPlatform(image, own, platform);
  if (currentDigest(layout, tag, own) === storedManifest)
    return { ...result, storedManifest, newBlobs: 0, newBytes: 0, changed: false };
  const request = { tag, manifest: packed?.manifest ?? manifest, blobs: [], platform: own };
  const { newBlobs, newBytes } = await transaction.commitAsync(request, turns);
  return { ...result, storedManifest, newBlobs, newBytes, changed: true };
}

/** The stored image with this canonical manifest, if the layout has all of its blobs. */
function storedHeader(layout: Layout, canonical: string): ImageHeader | undefined {
  try {
    const header = readHeader(layout, canonical);
    closeBlobs(header);
    const { packed, manifest, manifestDigest } = header;
    const listed = referencedBlobs(packed?.manifest ?? manifest, `manifest sha256:${manifestDigest}`);
    const isThere = ({ digest, size }: ManifestBlob): boolean =>
      digest !== undefined && layout.blobs.size(digest) === size;
    return listed.every(isThere) ? header : undefined;
  } catch (error) {
    if (error instanceof LayoutError || error instanceof IntegrityError || error instanceof FormatError)
      return undefined;
    throw error;
  }
}

function currentDigest(layout: Layout, tag: string, platform: Platform): string | undefined {
  try {
    return layout.manifest(tag, { platform }).digest;
  } catch (error) {
    if (error instanceof LayoutError) return undefined;
    throw error;
  }
}

/** Receives what the layout lacks of an image, and commits it. */
async function received(
  image: RemoteImage,
  target: PullTarget,
  options: PullOptions,
  demand: Demand,
  signal: AbortSignal,
): Promise<Found> {
  const { transaction, turns, layout } = target;
  const { tag, progress = () => {}, warn = () => {} } = options;
  const described = await describe(image, layout, options, signal);
  const { manifest, chunks } = described;
  demand(layout, manifest);
  for (const { digest, size } of chunks) {
    if (size > LARGEST_CHUNK)
      throw new LayoutError(
        "unsupported",
        image.name,
        `chunk sha256:${digest} has ${size} bytes, more than ${LARGEST_CHUNK}`,
      );
  }
  const platform = await platformOf(image, described.config, signal);
  checkPlatform(image, platform, options.platform);
  const leftovers = await Leftovers.take(target, chunks);
  using local = new LocalChunks(layout, tag, chunks, leftovers, warn);
  let transfer: Transfer | undefined;
  let downloads: Download[];
  let done = described.received;
  let pulled: Pulled;
  try {
    transfer = await described.begin(target, local);
    ({ downloads } = transfer);
    const total = downloads.reduce((sum, each) => sum + wantedBytes(each), done);
    const count = (bytes: number): void => progress((done += bytes), Math.max(total, done));
    await download(image.repository, downloads, { signal, received: count });
    pulled = await transfer.end(platform);
  } catch (error) {
    keep(() => [...(transfer?.salvage() ?? []), ...leftovers.staged()], transaction);
    throw error;
  }
  const { manifest: stored, staged, packs, newPacks } = pulled;
  const commit = await transaction.commitAsync({ tag, manifest: stored, blobs: staged, platform }, turns);
  return {
    ...identityOf(manifest),
    canonical: manifest,
    storedManifest: commit.digest,
    isPacked: packs > 0,
    chunks: chunks.length,
    receivedChunks: downloads.reduce((sum, each) => sum + each.chunks.length, 0),
    receivedBytes: done,
    isPatched: described.isPatched,
    packs,
    newPacks,
    newBlobs: commit.newBlobs,
    newBytes: commit.newBytes,
    changed: true,
  };
}

async function describe(
  image: RemoteImage,
  layout: Layout,
  { loose = false }: PullOptions,
  signal: AbortSignal,
): Promise<Described> {
  if (image.isPacked) {
    const { header, received: bytes, isPatched } = await settleRemote(image, layout, signal);
    const { chunks: listed, config, table } = header.packed;
    const begin = loose ? looseTransfer : packedTransfer;
    const chunks = listed.map(({ digest }, rank) => {
      const place = table.at(rank);
      return { digest, ...place, pack: table.packs[place.pack]?.digest ?? "" };
    });
    const rest = { config, received: bytes, isPatched };
    return { manifest: header.manifest, chunks, ...rest, begin: (...where) => begin(header, ...where) };
  }
  const stored = (digest: string): Buffer | undefined => storedBlob(layout, digest);
  const found = await readCanonical(image, stored, signal);
  return {
    manifest: image.manifest,
    chunks: found.blobs,
    config: found.config,
    received: found.received,
    isPatched: false,
    begin: (...where) => canonicalTransfer(image, found, ...where),
  };
}

/** A metadata blob or a configuration of the layout; undefined if it is damaged. */
function storedBlob({ blobs }: Layout, digest: string): Buffer | undefined {
  try {
    return blobs.has(digest) ? blobs.read(digest, LARGEST_CHUNK) : undefined;
  } catch (error) {
    if (error instanceof LayoutError) return undefined;
    throw error;
  }
}

/** Chunks that have arrived stay, as blobs that no image needs yet. */
function keep(salvage: () => StagedBlob[], transaction: Transaction): void {
  try {
    const staged = salvage();
    if (staged.length > 0) transaction.commitBlobs(staged);
  } catch (error) {
    // The failure of the pull is reported; without these chunks more is received the next time.
    if (!isSystemError(error) && !(error instanceof LayoutError)) throw error;
  }
}

function identityOf(manifest: Buffer): Pick<PullResult, "manifest" | "manifestVerity"> {
  return { manifest: sha256Hex(manifest), manifestVerity: fsVerityDigest(manifest).toString("hex") };
}

/** Throws IntegrityError unless a canonical manifest has this sha256 or fs-verity digest. */
function checkDigest(manifest: Buffer, demanded: string | undefined): void {
  const { manifest: digest, manifestVerity } = identityOf(manifest);
  if (demanded === undefined || demanded === digest || demanded === manifestVerity) return;
  throw new IntegrityError(`manifest sha256:${digest}`, "verity", `it has ${manifestVerity}, not ${demanded}`);
}
