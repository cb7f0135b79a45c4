import { sha256Hex } from "@puzzlefs/oci";
import type { Capability } from "./endpoint.ts";
import { RegistryError, type RegistryFailure } from "./errors.ts";
import type { BlobBytes, BlobRange, FetchedManifest, Referrer, RepositoryAccess, Upload } from "./interface.ts";
import { checkDigest, isDigest } from "./reference.ts";
import { addToTag, listReferrers } from "./referrers.ts";
import { type ManifestOptions, type ManifestStatus, RepositorySource } from "./repository-source.ts";
import { upload } from "./upload.ts";

/** Milliseconds for which a source that failed is asked last. */
const AVOIDED = 60_000;
/** Failures that the next request to the same source would probably have, too. */
const BROKEN = new Set<RegistryFailure>(["unreachable", "tls", "failed", "limited"]);

/** See RepositoryAccess. Reads ask the endpoints in order, the one that had the manifest first; writes go to the only one. */
export class Repository implements RepositoryAccess {
  readonly name: string;
  readonly reference: string;
  readonly #sources: RepositorySource[];
  readonly #warn: (line: string) => void;
  /** When sources failed, of performance.now(). */
  readonly #failed = new Map<RepositorySource, number>();

  /** @param sources mirrors, and last the repository itself. */
  constructor(name: string, reference: string, sources: readonly RepositorySource[], warn: (line: string) => void) {
    this.name = name;
    this.reference = reference;
    this.#sources = [...sources];
    this.#warn = warn;
  }

  manifest(reference: string, options: ManifestOptions = {}): Promise<FetchedManifest> {
    return this.#firstOf(manifestCapability(reference), options.signal, async (source) => {
      const found = await source.manifest(reference, options);
      this.#prefer(source);
      return found;
    });
  }

  headManifest(reference: string, options: ManifestOptions = {}): Promise<ManifestStatus | undefined> {
    const capability = manifestCapability(reference);
    return unlessAbsent(this.#firstOf(capability, options.signal, (source) => source.headManifest(reference, options)));
  }

  blob(digest: string, range: BlobRange): Promise<BlobBytes> {
    checkRange(digest, range);
    const { start = 0, end = range.size, without = [] } = range;
    const isPart = start > 0 || end < range.size;
    const read = async (source: RepositorySource, isLast: boolean): Promise<BlobBytes> => {
      const { stream, whole } = await source.downloads.open(digest, range);
      if (isPart && whole && range.preferRange === true && !isLast) {
        stream.destroy();
        throw new RegistryError("refused", `${source.name}: answers a range with the whole blob`);
      }
      return { stream, whole, source: source.name, start: whole ? 0 : start, end: whole ? range.size : end };
    };
    return this.#firstOf("pull", range.signal, read, without);
  }

  readBlob(digest: string, size: number, signal?: AbortSignal): Promise<Buffer> {
    checkRange(digest, { size });
    return this.#firstOf("pull", signal, async (source) => {
      const { stream } = await source.downloads.open(digest, { size, ...(signal !== undefined && { signal }) });
      const bytes = Buffer.concat(await stream.toArray());
      if (`sha256:${sha256Hex(bytes)}` === digest) return bytes;
      throw new RegistryError("corrupt", `blob ${digest} of ${source.name}: its bytes have another digest`);
    });
  }

  hasBlob(digest: string, signal?: AbortSignal): Promise<number | undefined> {
    checkDigest(digest);
    return unlessAbsent(this.#firstOf("pull", signal, (source) => source.hasBlob(digest, signal)));
  }

  mount(digest: string, from: string, signal?: AbortSignal): Promise<boolean> {
    checkDigest(digest);
    return this.#target.mount(digest, from, signal);
  }

  upload(blob: Upload): Promise<void> {
    checkDigest(blob.digest);
    const { session, repository, scopes } = this.#target;
    return upload(session, repository, scopes, blob);
  }

  async putManifest(reference: string, bytes: Uint8Array, mediaType: string, signal?: AbortSignal): Promise<string> {
    return (await this.#target.putManifest(reference, bytes, mediaType, signal)).digest;
  }

  async referrers(digest: string, artifactType: string, signal?: AbortSignal): Promise<Referrer[]> {
    checkDigest(digest);
    const list = this.#firstOf("referrers", signal, (source) => listReferrers(source, digest, artifactType, signal));
    return (await unlessAbsent(list)) ?? [];
  }

  async putReferrer(bytes: Uint8Array, referrer: Referrer, subject: string, signal?: AbortSignal): Promise<void> {
    const target = this.#target;
    const put = await target.putManifest(referrer.digest, bytes, referrer.mediaType, signal);
    if (put.subject !== subject) await addToTag(target, subject, referrer, signal);
  }

  get #target(): RepositorySource {
    return this.#sources[0] as RepositorySource;
  }

  #prefer(source: RepositorySource): void {
    const index = this.#sources.indexOf(source);
    if (index > 0) this.#sources.unshift(...this.#sources.splice(index, 1));
  }

  /**
   * The result of the first source that has one; otherwise the error of the last, which is the registry itself. A source that failed is asked last for a while, so that
   * one that does not answer delays one request only.
   */
  async #firstOf<T>(
    capability: Capability,
    signal: AbortSignal | undefined,
    read: (source: RepositorySource, isLast: boolean) => Promise<T>,
    without: readonly string[] = [],
  ): Promise<T> {
    const capable = this.#sources.filter((source) => source.may(capability));
    if (capable.length === 0)
      throw new RegistryError("blocked", `${this.name}: hosts.toml has no host with the capability "${capability}"`);
    const left = capable.filter(({ name }) => !without.includes(name));
    const now = performance.now();
    const isFailed = (source: RepositorySource): boolean => (this.#failed.get(source) ?? -Infinity) > now - AVOIDED;
    const sources = [...left.filter((source) => !isFailed(source)), ...left.filter(isFailed)];
    for (const [index, source] of sources.entries()) {
      const isLast = index === sources.length - 1;
      try {
        return await read(source, isLast);
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof RegistryError) || isLast) throw error;
        if (BROKEN.has(error.kind)) this.#failed.set(source, performance.now());
        if (error.kind !== "absent" && error.kind !== "missing") this.#warn(`${error.message}; asking the next source`);
      }
    }
    throw new RegistryError("missing", `${this.name}: no source is left`);
  }
}

function manifestCapability(reference: string): Capability {
  return isDigest(reference) ? "pull" : "resolve";
}

async function unlessAbsent<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof RegistryError && (error.kind === "absent" || error.kind === "missing")) return undefined;
    throw error;
  }
}

function checkRange(digest: string, { size, start = 0, end = size }: BlobRange): void {
  checkDigest(digest);
  const isRange = [size, start, end].every(Number.isSafeInteger) && start >= 0 && start <= end && end <= size;
  if (!isRange || (start === end && size > 0))
    throw new TypeError(`not a range of a blob: ${start} to ${end} of ${size}`);
}
