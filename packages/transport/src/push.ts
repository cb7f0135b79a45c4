import {
  bytesOf,
  type Chunk,
  chunksOf,
  closeBlobs,
  configBytes,
  metadataOf,
  type PackPlan,
} from "@puzzlefs/builder/packed";
import {
  fsVerityDigest,
  hostPlatform,
  Layout,
  MANIFEST_TYPE,
  type PlatformChoice,
  sha256Hex,
  Turns,
} from "@puzzlefs/oci";
import { readHeader } from "@puzzlefs/reader";
import { RegistryError, type RepositoryAccess } from "@puzzlefs/registry";
import { Readable } from "node:stream";
import { abortable } from "./abort.ts";
import { readBase, readReplaced, type RemoteBase } from "./push-bases.ts";
import {
  describePacks,
  type FreshPack,
  type PackOrigin,
  packStream,
  PacksThere,
  planPush,
  type ReadChunk,
} from "./push-packs.ts";
import { type CanonicalDocuments, packedForm, type RegistryForm } from "./registry-form.ts";

/** Blobs that are uploaded at a time. */
const UPLOADS = 3;
/** Plans that are tried, when packs disappear from the registry meanwhile. */
const MOST_PLANS = 3;

export interface PushOptions extends PlatformChoice {
  ociDir: string;
  /** A tag of the layout, or a digest. */
  reference: string;
  /** Opened for "push"; its reference is the tag, or the digest that the result must have. */
  target: RepositoryAccess;
  /** Images whose packs are kept too, beside those of the image that is replaced. Opened for "pull". */
  bases?: readonly Base[];
  /** Images from which patches of the metadata are made, beside the bases. Opened for "pull". */
  patchFrom?: readonly RepositoryAccess[];
  /** Keep no packs: the result depends on the image alone. */
  independent?: boolean;
  /** Called with the bytes of packs that the registry has, and those that are to be uploaded. */
  progress?: (done: number, total: number) => void;
  /** Called regularly; what it throws ends the work. */
  check?: () => void;
  warn?: (message: string) => void;
}

export interface Base {
  repository: RepositoryAccess;
  /** Name of its repository if it is in the registry of the target, from which packs can be mounted then. */
  mountFrom?: string | undefined;
}

export interface PushResult {
  /** sha256 and fs-verity digest of the canonical manifest, hex. */
  manifest: string;
  manifestVerity: string;
  /** sha256 of the manifest that the registry has, hex. */
  pushedManifest: string;
  chunks: number;
  packs: number;
  /** Packs of bases that the new image has too, and how many of them were mounted from another repository. */
  keptPacks: number;
  mountedPacks: number;
  /** New packs, without those that the registry had already; blobs of any kind; bytes. */
  uploadedPacks: number;
  uploadedBlobs: number;
  uploadedBytes: number;
  bundleBytes: number;
  patches: { base: string; bytes: number }[];
  /** False: the registry had exactly this under the tag. */
  changed: boolean;
}

/**
 * Copies an image of a layout to a registry, packed, whatever form it has in the layout. Packs of its bases that are mostly needed are kept.
 * The manifest comes last. Throws LayoutError, FormatError, IntegrityError, RegistryError, and what `check` throws; then the tag is what it was.
 */
export async function push(options: PushOptions): Promise<PushResult> {
  const { ociDir, reference, platform, check = () => {} } = options;
  using layout = Layout.open(ociDir);
  const choice = platform === undefined ? {} : { platform };
  using used = layout.use(reference, choice);
  const header = readHeader(layout, used.digest);
  try {
    const source: PushSource = {
      metadata: metadataOf(header),
      manifest: header.manifest,
      config: configBytes(header),
      platform: platform ?? layout.platformOf(reference) ?? hostPlatform(),
      chunks: chunksOf(header, layout.path),
      read: ({ digest, size }) => header.blobs.read(digest, size),
      own: header.packed && { packs: header.packed.packs, find: (digest) => header.packed?.table.find(digest) },
    };
    return await abortable(check, (signal) => new Push(options, layout, source, new Turns(check), signal).run());
  } finally {
    closeBlobs(header);
  }
}

interface PushSource extends CanonicalDocuments {
  chunks: readonly Chunk[];
  read: ReadChunk;
  /** The packs of the layout, if it is packed there. */
  own: PackOrigin | undefined;
}

/** The blobs of an image as the registry will have them. */
interface Packed extends RegistryForm {
  plan: PackPlan;
  fresh: FreshPack[];
}

class Push {
  readonly #options: PushOptions;
  readonly #layout: Layout;
  readonly #source: PushSource;
  readonly #turns: Turns;
  readonly #signal: AbortSignal;
  #uploadedPacks = 0;
  #uploadedBlobs = 0;
  #uploadedBytes = 0;

  constructor(options: PushOptions, layout: Layout, source: PushSource, turns: Turns, signal: AbortSignal) {
    this.#options = options;
    this.#layout = layout;
    this.#source = source;
    this.#turns = turns;
    this.#signal = signal;
  }

  async run(): Promise<PushResult> {
    const { target, independent = false } = this.#options;
    const { replaced, bases, patchBases } = await this.#readBases();
    const there = new PacksThere(target, this.#signal);
    const origins = independent ? [] : await this.#origins(replaced, bases, there);
    for (let plans = MOST_PLANS; ; plans--) {
      const packed = await this.#pack(origins, there, patchBases);
      if (sha256Hex(packed.manifest) === replaced?.digest) return this.#result(packed, there, false);
      await this.#upload(packed, there);
      try {
        await target.putManifest(target.reference, packed.manifest, MANIFEST_TYPE, this.#signal);
        return this.#result(packed, there, true);
      } catch (error) {
        // A pack was collected meanwhile.
        if (plans === 1 || !(error instanceof RegistryError) || !error.has("MANIFEST_BLOB_UNKNOWN")) throw error;
        there.forget();
        // A registry may answer from a cache that it has a blob.
        if (plans === 2) origins.length = 0;
      }
    }
  }

  async #readBases(): Promise<{
    replaced: RemoteBase | undefined;
    bases: (RemoteBase & PackOrigin)[];
    patchBases: RemoteBase[];
  }> {
    const { target, bases = [], patchFrom = [], independent = false, warn = () => {} } = this.#options;
    const choice = { platform: this.#source.platform };
    const signal = this.#signal;
    const replaced = await readReplaced(target, choice, this.#layout, signal, warn);
    const read: (RemoteBase & PackOrigin)[] = [];
    for (const { repository, mountFrom } of bases)
      read.push({ ...(await readBase(repository, choice, this.#layout, signal)), mountFrom });
    const patched: RemoteBase[] = [];
    for (const repository of patchFrom) patched.push(await readBase(repository, choice, this.#layout, signal));
    // Nothing but the image and the arguments decides what an independent push makes.
    const all = [...(replaced === undefined || independent ? [] : [replaced]), ...read, ...patched];
    const own = sha256Hex(this.#source.manifest);
    const patchBases = new Map(all.filter(({ canonical }) => canonical !== own).map((base) => [base.canonical, base]));
    return { replaced, bases: read, patchBases: [...patchBases.values()] };
  }

  /** What packs may be kept of. Without a base, the packs of the layout that the registry has already, from a push of another tag. */
  async #origins(
    replaced: RemoteBase | undefined,
    bases: readonly PackOrigin[],
    there: PacksThere,
  ): Promise<PackOrigin[]> {
    const origins = [...(replaced === undefined ? [] : [replaced]), ...bases];
    const { own } = this.#source;
    if (origins.length > 0 || own === undefined) return origins;
    await there.ask(own.packs);
    return [own];
  }

  async #pack(origins: readonly PackOrigin[], there: PacksThere, patchBases: readonly RemoteBase[]): Promise<Packed> {
    const { chunks, read } = this.#source;
    const plan = await planPush(chunks, origins, there);
    const fresh = await describePacks(plan.fresh, read, this.#turns);
    const packs = [...plan.kept, ...fresh.map(({ record }) => record)];
    const form = await packedForm(
      this.#source,
      { packs, places: plan.places },
      patchBases,
      this.#turns,
      this.#layout.path,
    );
    return { plan, fresh, ...form };
  }

  async #upload({ fresh, documents }: Packed, there: PacksThere): Promise<void> {
    const { target, progress = () => {} } = this.#options;
    const { read } = this.#source;
    const signal = this.#signal;
    // Some may be there, of a push that failed.
    await there.ask(fresh.map(({ record }) => record));
    const packs = fresh.filter(({ record }) => !there.has(record.digest));
    const total = packs.reduce((sum, { chunks }) => sum + bytesOf(chunks), 0);
    const sent = new Map<string, number>();
    const report = (digest: string, bytes: number): void => {
      sent.set(digest, bytes);
      progress(
        [...sent.values()].reduce((sum, each) => sum + each, 0),
        total,
      );
    };
    const ofPack =
      ({ record: { digest, size }, chunks }: FreshPack) =>
      async (): Promise<void> => {
        const upload = { digest: `sha256:${digest}`, size, read: (start: number) => packStream(chunks, read, start) };
        await target.upload({ ...upload, signal, progress: (bytes) => report(digest, bytes) });
        this.#uploadedPacks++;
        this.#count(size);
      };
    const ofDocument = (bytes: Buffer) => async (): Promise<void> => {
      const readFrom = (start: number): Readable => Readable.from([bytes.subarray(start)], { objectMode: false });
      await target.upload({ digest: `sha256:${sha256Hex(bytes)}`, size: bytes.length, read: readFrom, signal });
      this.#count(bytes.length);
    };
    await inParallel([...packs.map(ofPack), ...documents.map(ofDocument)]);
  }

  #count(bytes: number): void {
    this.#uploadedBlobs++;
    this.#uploadedBytes += bytes;
  }

  #result(packed: Packed, { mounted }: PacksThere, changed: boolean): PushResult {
    const { manifest, chunks } = this.#source;
    const { kept } = packed.plan;
    return {
      manifest: sha256Hex(manifest),
      manifestVerity: fsVerityDigest(manifest).toString("hex"),
      pushedManifest: sha256Hex(packed.manifest),
      chunks: chunks.length,
      packs: kept.length + packed.fresh.length,
      keptPacks: kept.length,
      mountedPacks: kept.filter(({ digest }) => mounted.has(digest)).length,
      uploadedPacks: this.#uploadedPacks,
      uploadedBlobs: this.#uploadedBlobs,
      uploadedBytes: this.#uploadedBytes,
      bundleBytes: packed.bundleBytes,
      patches: packed.patches,
      changed,
    };
  }
}

/** Does work of several parts, some at a time. After a failure no more are begun, and those that were have ended. */
async function inParallel(work: (() => Promise<void>)[]): Promise<void> {
  const run = async (): Promise<void> => {
    for (let next = work.shift(); next !== undefined; next = work.shift()) await next();
  };
  const workers = Array.from({ length: UPLOADS }, () =>
    run().catch((error: unknown) => {
      work.length = 0;
      throw error;
    }),
  );
  const ended = await Promise.allSettled(workers);
  for (const each of ended) if (each.status === "rejected") throw each.reason;
}
