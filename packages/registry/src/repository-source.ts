import { Readable } from "node:stream";
import { jsonText } from "@puzzlefs/linux";
import { sha256Hex } from "@puzzlefs/oci";
import type { Answer } from "./answer.ts";
import { Downloads } from "./download.ts";
import type { Capability } from "./endpoint.ts";
import { RegistryError, type RegistryFailure } from "./errors.ts";
import type { FetchedManifest } from "./interface.ts";
import { checkTagOrDigest, isDigest } from "./reference.ts";
import type { Session, SessionRequest } from "./session.ts";

const MANIFEST_LIMIT = 4 << 20;
const MANIFEST_TYPES = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];
/** Of an attempt to mount: the registry does not do that, or the user may not. */
const NOT_MOUNTED = new Set<RegistryFailure>(["absent", "missing", "denied", "refused", "protocol"]);
const EMPTY = { size: 0, read: () => Readable.from([]) };

export interface ManifestOptions {
  accept?: readonly string[];
  limit?: number;
  signal?: AbortSignal;
}

export interface ManifestStatus {
  digest: string;
  size: number;
  mediaType: string;
}

/** One place of a repository, a mirror or the registry itself, and the requests to it. */
export class RepositorySource {
  readonly session: Session;
  readonly repository: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly downloads: Downloads;

  /** @param actions of the token: "pull" or "pull,push". */
  constructor(session: Session, repository: string, actions: string) {
    this.session = session;
    this.repository = repository;
    this.name = `${session.name}/${repository}`;
    this.scopes = [`repository:${repository}:${actions}`];
    this.downloads = new Downloads(session, repository, this.scopes);
  }

  may(capability: Capability): boolean {
    return this.session.host.endpoint.capabilities.includes(capability);
  }

  async manifest(reference: string, options: ManifestOptions): Promise<FetchedManifest> {
    const what = this.#manifestName(reference);
    const attempts = this.session.attempts(options.signal);
    for (;;) {
      try {
        const answer = await this.session.once(this.#manifestRequest("GET", reference, options));
        return checkManifest(await answer.bytes(options.limit ?? MANIFEST_LIMIT), answer, reference, what);
      } catch (error) {
        await attempts.failed(error);
      }
    }
  }

  async headManifest(reference: string, options: ManifestOptions): Promise<ManifestStatus> {
    const answer = await this.session.request(this.#manifestRequest("HEAD", reference, options));
    answer.discard();
    const digest = answer.header("docker-content-digest");
    const size = answer.count("content-length");
    if (digest !== undefined && isDigest(digest) && size !== undefined)
      return { digest, size, mediaType: mediaTypeOf(answer) };
    const whole = await this.manifest(reference, options);
    return { digest: whole.digest, size: whole.bytes.length, mediaType: whole.mediaType };
  }

  async hasBlob(digest: string, signal: AbortSignal | undefined): Promise<number> {
    const what = `blob ${digest} of ${this.name}`;
    const target = `${this.repository}/blobs/${digest}`;
    const { scopes } = this;
    const answer = await this.session.request({
      method: "HEAD",
      target,
      what,
      expected: [200],
      notFound: "missing",
      scopes,
      signal,
    });
    answer.discard();
    const size = answer.count("content-length");
    if (size === undefined) throw new RegistryError("protocol", `${what}: the registry returns no size`);
    return size;
  }

  async mount(digest: string, from: string, signal: AbortSignal | undefined): Promise<boolean> {
    const what = `mount of blob ${digest} from ${from} into ${this.name}`;
    const query = new URLSearchParams({ mount: digest, from });
    const target = `${this.repository}/blobs/uploads/?${query}`;
    const scopes = [...this.scopes, `repository:${from}:pull`];
    try {
      const answer = await this.session.request({
        method: "POST",
        target,
        what,
        expected: [201, 202],
        scopes,
        body: EMPTY,
        signal,
      });
      answer.discard();
      if (answer.status === 201) return true;
      await this.#endUpload(this.session.location(answer, what), signal);
      return false;
    } catch (error) {
      if (error instanceof RegistryError && NOT_MOUNTED.has(error.kind)) return false;
      throw error;
    }
  }

  /** Ends an upload that was begun. distribution demands the scope "delete" for that, so this is only an attempt. */
  async #endUpload(target: URL, signal: AbortSignal | undefined): Promise<void> {
    const what = `upload to ${this.name}`;
    const { scopes } = this;
    try {
      const answer = await this.session.once({
        method: "DELETE",
        target,
        what,
        expected: [200, 202, 204],
        scopes,
        signal,
      });
      answer.discard();
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
    }
  }

  /** Returns the subject too, if the registry lists the manifest among its referrers. */
  async putManifest(
    reference: string,
    bytes: Uint8Array,
    mediaType: string,
    signal: AbortSignal | undefined,
  ): Promise<{ digest: string; subject: string | undefined }> {
    const what = this.#manifestName(reference);
    const answer = await this.session.request({
      ...this.#manifestRequest("PUT", reference, { ...(signal !== undefined && { signal }) }),
      expected: [201, 202],
      headers: { "content-type": mediaType },
      body: { size: bytes.length, read: () => Readable.from([Buffer.from(bytes)]) },
    });
    answer.discard();
    const digest = `sha256:${sha256Hex(bytes)}`;
    const confirmed = answer.header("docker-content-digest");
    if (confirmed !== undefined && confirmed !== digest)
      throw new RegistryError("corrupt", `${what}: the registry stored ${jsonText(confirmed)} instead of ${digest}`);
    return { digest, subject: answer.header("oci-subject") };
  }

  #manifestName(reference: string): string {
    return `manifest ${reference} of ${this.name}`;
  }

  #manifestRequest(method: "GET" | "HEAD" | "PUT", reference: string, options: ManifestOptions): SessionRequest {
    checkTagOrDigest(reference);
    return {
      method,
      what: this.#manifestName(reference),
      expected: [200],
      scopes: this.scopes,
      signal: options.signal,
      target: `${this.repository}/manifests/${reference}`,
      headers: { accept: (options.accept ?? MANIFEST_TYPES).join(", ") },
    };
  }
}

function mediaTypeOf(answer: Answer): string {
  return answer.header("content-type")?.split(";")[0]?.trim() ?? "";
}

/** Compares the bytes with the digest that was asked for, and with the one that the registry returned. */
function checkManifest(bytes: Buffer, answer: Answer, reference: string, what: string): FetchedManifest {
  const digest = `sha256:${sha256Hex(bytes)}`;
  const header = answer.header("docker-content-digest");
  for (const expected of [reference, header]) {
    if (expected !== undefined && isDigest(expected) && expected !== digest)
      throw new RegistryError("corrupt", `${what}: its bytes have the digest ${digest}, not ${expected}`);
  }
  return { bytes, digest, mediaType: mediaTypeOf(answer) };
}
