import type { Readable } from "node:stream";

/*
 * Digests are "sha256:" and 64 lower-case hex digits. Every method may throw RegistryError, or the reason of its signal.
 * Transient failures are retried inside; a method that throws has used up its attempts.
 */

/** A name of an image in a registry. */
export interface Reference {
  /** host[:port]; undefined for a short name, which registries.conf resolves. */
  host: string | undefined;
  repository: string;
  tag?: string;
  digest?: string;
}

/** How a command talks to registries: one per command. */
export interface RegistryOptions {
  /** http, also for passwords; registries.conf can allow it for one registry that does not speak https (`insecure`). */
  plainHttp?: boolean;
  /** A file of credentials instead of the usual ones. */
  authFile?: string;
  /** containerd's directory of registries (hosts.toml, certificates), for pulls: what it has about a registry counts instead of registries.conf and certs.d. */
  hostsDir?: string;
  /** A file of credentials as kubelet has them, asked after the others; it may be missing. */
  kubeletAuthFile?: string;
  /** Variables such as HOME and https_proxy; default process.env. */
  environment?: Readonly<Record<string, string | undefined>>;
  /** Ends every request. */
  signal?: AbortSignal;
  /**
   * Milliseconds: the pause before the second attempt (default 500; doubled for each further one), without any byte until a connection has stalled
   * (default 30,000), and until a credential helper must have answered (default 120,000).
   */
  timing?: { pause?: number; stall?: number; helper?: number };
  /** Bytes: blobs of at least `from` (default 64 MiB) are uploaded in pieces of `size` (default 16 MiB), which can be resumed. */
  pieces?: { from: number; size: number };
  /** A line about a retry, a mirror that fails, and the like. */
  warn?(line: string): void;
}

/** What another process needs to reach the same registries likewise: paths of files, without secrets, and nothing that is run. */
export type RegistrySettings = Pick<RegistryOptions, "plainHttp" | "authFile" | "hostsDir" | "kubeletAuthFile">;

/** What the caller will do with a repository: the scope of the token. Mirrors are used for "pull" only. */
export type Access = "pull" | "push";

export interface FetchedManifest {
  bytes: Buffer;
  /** The sha256 of `bytes`; compared with the digest that was asked for and with Docker-Content-Digest. */
  digest: string;
  mediaType: string;
}

/** A manifest that names another one as its subject, as lists of referrers have it. */
export interface Referrer {
  digest: string;
  size: number;
  mediaType: string;
  artifactType: string;
  /** Those of the manifest; some registries leave them out. */
  annotations: Record<string, string>;
}

export interface BlobRange {
  /** Bytes of the whole blob, by its descriptor. */
  size: number;
  /** The first byte; default 0. */
  start?: number;
  /** The byte after the last; default `size`. */
  end?: number;
  /** Do not take the whole blob instead of a range from one source while another (a mirror, or the registry itself) is left. */
  preferRange?: boolean;
  /** Sources not to ask, such as one that delivered wrong bytes: names that BlobBytes had. */
  without?: readonly string[];
  signal?: AbortSignal;
}

/**
 * Bytes of a blob as they arrive. A broken connection is continued at the first missing byte. The length is checked, the
 * digest is not: the caller knows what a slice must be. Destroy `stream` to stop early.
 */
export interface BlobBytes {
  stream: Readable;
  /** Of `stream`: its first byte in the blob, and the byte after its last. */
  start: number;
  end: number;
  /** The source answered a request for a range with the whole blob: `start` is 0, `end` the size. */
  whole: boolean;
  /** The repository that it is from, a mirror or the registry itself: host[:port]/repository. */
  source: string;
}

/** A blob to upload. */
export interface Upload {
  digest: string;
  size: number;
  /** The bytes from `start` on; called again for each attempt. */
  read(start: number): Readable;
  signal?: AbortSignal;
  /** Called with the bytes that the registry has; may go back. */
  progress?(sent: number): void;
}

/** One repository of a registry, with its mirrors. */
export interface RepositoryAccess {
  /** host[:port]/repository, for messages. */
  readonly name: string;
  /** What was named: the digest, otherwise the tag, otherwise "latest". */
  readonly reference: string;
  /** A manifest or an index of at most `limit` bytes (default 4 MiB). `accept`: media types, default those of OCI and Docker. */
  manifest(
    reference: string,
    options?: { accept?: readonly string[]; limit?: number; signal?: AbortSignal },
  ): Promise<FetchedManifest>;
  /** Undefined if the registry has no such manifest. */
  headManifest(
    reference: string,
    options?: { accept?: readonly string[]; signal?: AbortSignal },
  ): Promise<{ digest: string; size: number; mediaType: string } | undefined>;
  blob(digest: string, range: BlobRange): Promise<BlobBytes>;
  /** A whole blob in memory; its digest is checked. The caller limits `size`. */
  readBlob(digest: string, size: number, signal?: AbortSignal): Promise<Buffer>;
  /** The size of a blob; undefined if the repository does not have it. */
  hasBlob(digest: string, signal?: AbortSignal): Promise<number | undefined>;
  /** Takes a blob from another repository of the same registry; false if the registry did not do that. */
  mount(digest: string, from: string, signal?: AbortSignal): Promise<boolean>;
  upload(blob: Upload): Promise<void>;
  /** The manifests of a type whose subject is this one: of a registry without OCI's API for them, those of the list under its tag. */
  referrers(digest: string, artifactType: string, signal?: AbortSignal): Promise<Referrer[]>;
  /** Uploads a manifest that has a subject. `referrer` describes it, for registries without the API. */
  putReferrer(bytes: Uint8Array, referrer: Referrer, subject: string, signal?: AbortSignal): Promise<void>;
  /** Returns the digest of `bytes`, which the registry confirmed. `has("MANIFEST_BLOB_UNKNOWN")` of the error: a blob is not there any more. */
  putManifest(reference: string, bytes: Uint8Array, mediaType: string, signal?: AbortSignal): Promise<string>;
}

/**
 * `class Registry` implements this: `using registry = new Registry(options)`; `registry.open("host/repo:tag", "pull")`.
 * Disposing closes its connections.
 */
export interface RegistryAccess extends Disposable {
  open(reference: Reference | string, access: Access): RepositoryAccess;
}
