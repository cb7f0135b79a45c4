import { bytesOf, closeBlobs, type PackPlan } from "@puzzlefs/builder/packed";
import { fsVerityDigest, Layout, MANIFEST_TYPE, sha256Hex, Turns } from "@puzzlefs/oci";
import { readHeader } from "@puzzlefs/reader";
import { RegistryError } from "@puzzlefs/registry";
import { Readable } from "node:stream";
import { abortable } from "./abort.ts";
import { packOrigins, readBases, type RemoteBase } from "./push-bases.ts";
import type { PushOptions, PushResult } from "./push-options.ts";
import { describePacks, type FreshPack, type PackOrigin, packStream, PacksThere, planPush } from "./push-packs.ts";
import { checkFetched, type PushSource, sourceOf } from "./push-source.ts";
import { packedForm, type RegistryForm } from "./registry-form.ts";
import { pushSignatures } from "./signatures.ts";

/** Blobs that are uploaded at a time. */
const UPLOADS = 3;
/** Plans that are tried, when packs disappear from the registry meanwhile. */
const MOST_PLANS = 3;

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
    const source = sourceOf(layout, used.digest, header, options);
    return await abortable(check, (signal) => new Push(options, layout, source, new Turns(check), signal).run());
  } finally {
    closeBlobs(header);
  }
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
  #signatures = 0;

  constructor(options: PushOptions, layout: Layout, source: PushSource, turns: Turns, signal: AbortSignal) {
    this.#options = options;
    this.#layout = layout;
    this.#source = source;
    this.#turns = turns;
    this.#signal = signal;
  }

  async run(): Promise<PushResult> {
    const { target, independent = false } = this.#options;
    const read = await readBases(this.#options, this.#source, this.#layout, this.#signal);
    const { replaced, patchBases } = read;
    const there = new PacksThere(target, this.#signal);
    const origins = independent ? [] : await packOrigins(this.#options, this.#source, read, there);
    for (let plans = MOST_PLANS; ; plans--) {
      const packed = await this.#pack(origins, there, patchBases);
      const isThere = sha256Hex(packed.manifest) === replaced?.digest;
      if (!isThere) await this.#upload(packed, there);
      await this.#sign(packed);
      if (isThere) return this.#result(packed, there, false);
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

  async #pack(origins: readonly PackOrigin[], there: PacksThere, patchBases: readonly RemoteBase[]): Promise<Packed> {
    const { chunks, read } = this.#source;
    const plan = await planPush(chunks, origins, there);
    checkFetched(plan.fresh.flat(), this.#source, this.#options);
    const fresh = await describePacks(plan.fresh, read, this.#turns);
    const packs = [...plan.kept, ...fresh.map(({ record }) => record)];
    const form = await packedForm(
      this.#source,
      { packs, places: plan.places },
      patchBases,
      this.#turns,
      this.#layout.path,
      this.#options.lazy,
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

  /** Before the tag names the image, so that no receiver sees it unsigned. */
  async #sign({ manifest }: Packed): Promise<void> {
    const { target, signatures = true } = this.#options;
    if (!signatures) return;
    this.#signatures = await pushSignatures(this.#layout, this.#source.manifest, manifest, target, this.#signal);
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
      signatures: this.#signatures,
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
