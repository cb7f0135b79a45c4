import { Readable } from "node:stream";
import { sha256Hex } from "@puzzlefs/oci";
import {
  type BlobBytes,
  type BlobRange,
  type FetchedManifest,
  type Referrer,
  RegistryError,
  type RepositoryAccess,
  type Upload,
} from "@puzzlefs/registry";

/** What a registry in memory does with requests for bytes of blobs. */
export interface Behaviour {
  /** Answers ranges with the whole blob. */
  ignoresRanges?: boolean;
  /** Changes what is sent. */
  change?: (digest: string, bytes: Buffer, start: number) => Buffer;
  /** Called before each request for bytes; may throw. */
  before?: (digest: string, start: number, end: number) => void;
}

/** A registry with one repository in memory, which counts its requests. */
export class MemoryRepository implements RepositoryAccess {
  readonly name = "registry.example/repo";
  readonly reference: string;
  readonly blobs: Map<string, Buffer>;
  readonly manifests: Map<string, { bytes: Buffer; mediaType: string }>;
  readonly requests: string[];
  readonly behaviour: Behaviour;

  constructor(reference = "v1", like?: MemoryRepository) {
    this.reference = reference;
    this.blobs = like?.blobs ?? new Map();
    this.manifests = like?.manifests ?? new Map();
    this.requests = like?.requests ?? [];
    this.behaviour = like?.behaviour ?? {};
  }

  /** The same repository, opened by another reference. */
  at(reference: string): MemoryRepository {
    return new MemoryRepository(reference, this);
  }

  manifest(reference: string): Promise<FetchedManifest> {
    return this.#answer(`GET manifest ${reference}`, () => {
      const found = this.manifests.get(reference);
      if (found === undefined) throw new RegistryError("absent", `${this.name}: no manifest ${reference}`);
      return { ...found, digest: `sha256:${sha256Hex(found.bytes)}` };
    });
  }

  headManifest(reference: string): Promise<{ digest: string; size: number; mediaType: string } | undefined> {
    return this.#answer(`HEAD manifest ${reference}`, () => {
      const found = this.manifests.get(reference);
      if (found === undefined) return undefined;
      const { bytes, mediaType } = found;
      return { digest: `sha256:${sha256Hex(bytes)}`, size: bytes.length, mediaType };
    });
  }

  async blob(digest: string, { size, start = 0, end = size, without = [] }: BlobRange): Promise<BlobBytes> {
    if (without.includes(this.name)) throw new RegistryError("missing", `${this.name}: no source is left`);
    const isWhole = this.behaviour.ignoresRanges === true && (start > 0 || end < size);
    const [from, to] = isWhole ? [0, size] : [start, end];
    return this.#answer(`GET ${digest} ${start}-${end}`, () => {
      this.behaviour.before?.(digest, start, end);
      const bytes = this.#find(digest).subarray(from, to);
      const sent = this.behaviour.change?.(digest, Buffer.from(bytes), from) ?? bytes;
      const pieces = [];
      for (let at = 0; at < sent.length; at += 10_007) pieces.push(sent.subarray(at, at + 10_007));
      return {
        stream: Readable.from(pieces, { objectMode: false }),
        start: from,
        end: to,
        whole: isWhole,
        source: this.name,
      };
    });
  }

  readBlob(digest: string): Promise<Buffer> {
    return this.#answer(`GET ${digest}`, () => {
      const bytes = this.behaviour.change?.(digest, Buffer.from(this.#find(digest)), 0) ?? this.#find(digest);
      if (`sha256:${sha256Hex(bytes)}` !== digest) throw new RegistryError("corrupt", `${digest} has other bytes`);
      return bytes;
    });
  }

  hasBlob(digest: string): Promise<number | undefined> {
    return this.#answer(`HEAD ${digest}`, () => this.blobs.get(digest)?.length);
  }

  mount(digest: string, from: string): Promise<boolean> {
    return this.#answer(`MOUNT ${digest} ${from}`, () => false);
  }

  async upload({ digest, size, read }: Upload): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of read(0) as AsyncIterable<Buffer>) pieces.push(piece);
    const bytes = Buffer.concat(pieces);
    await this.#answer(`UPLOAD ${digest}`, () => {
      if (bytes.length !== size || `sha256:${sha256Hex(bytes)}` !== digest)
        throw new RegistryError("refused", `${digest}: other bytes were sent`);
      this.blobs.set(digest, bytes);
    });
  }

  referrers(digest: string): Promise<Referrer[]> {
    return this.#answer(`GET referrers ${digest}`, () => []);
  }

  putReferrer(): Promise<void> {
    return Promise.reject(new Error("not in memory"));
  }

  putManifest(reference: string, bytes: Uint8Array, mediaType: string): Promise<string> {
    return this.#answer(`PUT manifest ${reference}`, () => {
      const { layers, config } = JSON.parse(Buffer.from(bytes).toString("utf8")) as Document;
      const missing = [...layers, config].find(({ digest }) => !this.blobs.has(digest));
      if (missing !== undefined) {
        const reported = [{ code: "MANIFEST_BLOB_UNKNOWN", message: missing.digest }];
        throw new RegistryError("refused", `no blob ${missing.digest}`, { status: 404, reported });
      }
      const digest = `sha256:${sha256Hex(bytes)}`;
      for (const name of [reference, digest]) this.manifests.set(name, { bytes: Buffer.from(bytes), mediaType });
      return digest;
    });
  }

  #find(digest: string): Buffer {
    const bytes = this.blobs.get(digest);
    if (bytes === undefined) throw new RegistryError("missing", `${this.name}: no blob ${digest}`);
    return bytes;
  }

  async #answer<T>(request: string, work: () => T): Promise<T> {
    this.requests.push(request);
    await new Promise(setImmediate);
    return work();
  }
}

interface Document {
  layers: { digest: string }[];
  config: { digest: string };
}
