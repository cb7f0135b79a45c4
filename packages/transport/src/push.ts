import { bytesOf, closeBlobs, type PackPlan } from "@puzzlefs/builder/packed";
import { fsVerityDigest, Layout, MANIFEST_TYPE, sha256Hex, Turns } from "@puzzlefs/oci";
import { readHeader } from "@puzzlefs/reader";
import { RegistryError } from "@puzzlefs/registry";
import { Readable } from "node:stream";
import { abortable } from "./abort.ts";
import { packOrigins, readBases, type RemoteBase } from "./push-bases.ts";
import type { PushOptions, PushResult } from "./push-options.ts";
import { describePack, type FreshPack, type PackOrigin, packStream, PacksThere, planPush } from "./push-packs.ts";
import { checkFetched, type PushSource, sourceOf } from "./push-source.ts";
import { packedForm, type RegistryForm } from "./registry-form.ts";
import { pushSignatures } from "./signatures.ts";
import { Uploads } from "./uploads.ts";

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
  packs: number;
  /** The registry has exactly this under the tag. */
  isThere: boolean;
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
      const packed = await this.#upload(origins, there, patchBases, replaced);
      await this.#sign(packed);
      if (packed.isThere) return this.#result(packed, there, false);
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

  /** Uploads all but the manifest. Packs are uploaded while the next ones are read for their digests. */
  async #upload(
    origins: readonly PackOrigin[],
    there: PacksThere,
    patchBases: readonly RemoteBase[],
    replaced: RemoteBase | undefined,
  ): Promise<Packed> {
    const { chunks, read } = this.#source;
    const plan = await planPush(chunks, origins, there);
    const needed = plan.fresh.flat();
    checkFetched(needed, this.#source, this.#options);
    await using uploads = new Uploads();
    const report = this.#reporter(bytesOf(needed));
    const packs = [...plan.kept];
    for (const fresh of plan.fresh) {
      const pack = await describePack(fresh, read, this.#turns);
      packs.push(pack.record);
      uploads.add(() => this.#uploadPack(pack, there, report));
    }
    const form = await packedForm(
      this.#source,
      { packs, places: plan.places },
      patchBases,
      this.#turns,
      this.#layout.path,
      this.#options.lazy,
    );
    const isThere = sha256Hex(form.manifest) === replaced?.digest;
    if (!isThere) for (const bytes of form.documents) uploads.add(() => this.#uploadDocument(bytes));
    await uploads.end();
    return { plan, packs: packs.length, isThere, ...form };
  }

  async #uploadPack(
    { record, chunks }: FreshPack,
    there: PacksThere,
    report: (digest: string, bytes: number) => void,
  ): Promise<void> {
    const { digest, size } = record;
    // It may be there, of a push that failed.
    if (await there.ask([record])) return report(digest, size);
    const { read } = this.#source;
    await this.#options.target.upload({
      digest: `sha256:${digest}`,
      size,
      read: (start) => packStream(chunks, read, start),
      signal: this.#signal,
      progress: (bytes) => report(digest, bytes),
    });
    this.#uploadedPacks++;
    this.#count(size);
  }

  async #uploadDocument(bytes: Buffer): Promise<void> {
    const read = (start: number): Readable => Readable.from([bytes.subarray(start)], { objectMode: false });
    const blob = { digest: `sha256:${sha256Hex(bytes)}`, size: bytes.length, read, signal: this.#signal };
    await this.#options.target.upload(blob);
    this.#count(bytes.length);
  }

  /** Adds up what is there of each pack. */
  #reporter(total: number): (digest: string, bytes: number) => void {
    const { progress = () => {} } = this.#options;
    const sent = new Map<string, number>();
    return (digest, bytes) => {
      sent.set(digest, bytes);
      progress(
        [...sent.values()].reduce((sum, each) => sum + each, 0),
        total,
      );
    };
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
      packs: packed.packs,
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
