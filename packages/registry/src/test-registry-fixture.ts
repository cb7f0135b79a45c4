/** A registry in memory, for the tests of all packages: the distribution protocol, and hooks that break it (faults-fixture.ts). */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";

export interface Seen {
  method: string;
  /** Without the query. */
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage["headers"];
  status?: number;
}

/** Looks at a request before it is answered; true if it answers itself. */
export type Intercept = (seen: Seen, response: ServerResponse, registry: TestRegistry) => boolean;

export interface TestRegistryOptions {
  /** Default none. "bearer" has a token server of its own at /token. */
  auth?: "basic" | "bearer";
  /** PEM: https, and which clients' certificates are demanded. */
  tls?: { cert: string; key: string; ca?: string };
  /** Of USER; default PASSWORD. */
  password?: string;
  /** Whether it lists referrers; default no, as registries before OCI 1.1. "bare": without their annotations. */
  referrers?: boolean | "bare";
  /** Least bytes of a piece of an upload. */
  leastPiece?: number;
}

interface ArtifactManifest {
  subject?: { digest: string };
  artifactType?: string;
  annotations?: Record<string, string>;
}

export const USER = "user";
export const PASSWORD = "pass word";
export const IDENTITY = "identity-token";

export const digestOf = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

export class TestRegistry implements AsyncDisposable {
  /** By repository and digest; manifests by tag too, with their media type. */
  readonly blobs = new Map<string, Buffer>();
  readonly manifests = new Map<string, { bytes: Buffer; type: string }>();
  readonly uploads = new Map<string, Buffer[]>();
  readonly requests: Seen[] = [];
  /** Tokens that are valid, and their scopes. */
  readonly tokens = new Map<string, string[]>();
  intercept: Intercept | undefined;
  readonly #options: TestRegistryOptions;
  readonly #server: Server;
  #count = 0;

  private constructor(options: TestRegistryOptions) {
    this.#options = options;
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      this.#answer(request, response).catch(() => response.destroy());
    };
    const { tls } = options;
    const ask = tls?.ca === undefined ? {} : { requestCert: true, rejectUnauthorized: true };
    this.#server = tls === undefined ? createServer(answer) : createTlsServer({ ...tls, ...ask }, answer);
  }

  static async start(options: TestRegistryOptions = {}): Promise<TestRegistry> {
    const registry = new TestRegistry(options);
    await new Promise<void>((resolve) => registry.#server.listen(0, "127.0.0.1", resolve));
    return registry;
  }

  get host(): string {
    return `localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `${this.#options.tls === undefined ? "http" : "https"}://${this.host}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  putBlob(repository: string, bytes: Buffer): string {
    this.blobs.set(`${repository}@${digestOf(bytes)}`, bytes);
    return digestOf(bytes);
  }

  putManifest(
    repository: string,
    tag: string,
    value: unknown,
    type = "application/vnd.oci.image.manifest.v1+json",
  ): string {
    const bytes = Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value));
    for (const name of [tag, digestOf(bytes)]) this.manifests.set(`${repository}@${name}`, { bytes, type });
    return digestOf(bytes);
  }

  /** Requests for objects, as "GET path"; those of authentication are left out. */
  log(): string[] {
    return this.requests
      .filter(({ path, status }) => path !== "/v2/" && path !== "/token" && status !== 401)
      .map(({ method, path }) => `${method} ${path.replace("/v2/", "")}`);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", this.url);
    const seen: Seen = {
      method: request.method ?? "",
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
    };
    this.requests.push(seen);
    response.on("finish", () => (seen.status = response.statusCode));
    if (this.intercept?.(seen, response, this) === true) return void request.resume();
    if (seen.path === "/token") return this.#token(seen, response, await bodyOf(request));
    if (!this.#isAllowed(seen)) {
      request.resume();
      return this.#challenge(seen, response);
    }
    const [, repository = "", kind = "", name = ""] =
      /^\/v2\/(.+)\/(manifests|blobs\/uploads|blobs|referrers)\/(.*)$/.exec(seen.path) ?? [];
    if (seen.path === "/v2/") response.end();
    else if (kind === "referrers" && this.#options.referrers) this.#referrers(response, repository, name);
    else if (kind === "manifests") this.#manifest(seen, response, repository, name, await bodyOf(request));
    else if (kind === "blobs") this.#blob(seen, response, `${repository}@${name}`);
    else if (kind === "blobs/uploads") await this.#upload(seen, request, response, repository, name);
    else refuse(response, 404, "NAME_UNKNOWN");
  }

  #manifest(seen: Seen, response: ServerResponse, repository: string, name: string, body: Buffer): void {
    if (seen.method === "PUT") {
      const digest = this.putManifest(repository, name, body, seen.headers["content-type"]);
      const { subject } = JSON.parse(body.toString()) as ArtifactManifest;
      const listed = subject !== undefined && this.#options.referrers ? { "oci-subject": subject.digest } : {};
      response.writeHead(201, { "docker-content-digest": digest, ...listed }).end();
      return;
    }
    const found = this.manifests.get(`${repository}@${name}`);
    if (found === undefined) return refuse(response, 404, "MANIFEST_UNKNOWN");
    const { bytes, type } = found;
    const headers = { "content-type": type, "content-length": bytes.length, "docker-content-digest": digestOf(bytes) };
    response.writeHead(200, headers).end(seen.method === "HEAD" ? undefined : bytes);
  }

  #referrers(response: ServerResponse, repository: string, subject: string): void {
    const manifests = [...this.manifests].flatMap(([name, { bytes, type: mediaType }]) => {
      const { subject: own, artifactType, annotations } = JSON.parse(bytes.toString()) as ArtifactManifest;
      if (own?.digest !== subject || name !== `${repository}@${digestOf(bytes)}`) return [];
      const shown = this.#options.referrers === "bare" ? {} : { annotations };
      return [{ mediaType, digest: digestOf(bytes), size: bytes.length, artifactType, ...shown }];
    });
    response.end(JSON.stringify({ schemaVersion: 2, manifests }));
  }

  #blob(seen: Seen, response: ServerResponse, key: string): void {
    const bytes = this.blobs.get(key);
    if (bytes === undefined) return refuse(response, 404, "BLOB_UNKNOWN");
    sendBlob(seen, response, bytes);
  }

  async #upload(
    seen: Seen,
    request: IncomingMessage,
    response: ServerResponse,
    repository: string,
    id: string,
  ): Promise<void> {
    const location = (session: string, length: number): Record<string, string> => ({
      location: `/v2/${repository}/blobs/uploads/${session}?state=a%2Fb`,
      range: `0-${Math.max(0, length - 1)}`,
    });
    if (seen.method === "POST") {
      const digest = seen.query.get("mount");
      const blob = this.blobs.get(`${seen.query.get("from")}@${digest}`);
      if (blob !== undefined) {
        this.putBlob(repository, blob);
        return void response.writeHead(201).end();
      }
      const session = `session-${++this.#count}`;
      this.uploads.set(session, []);
      const { leastPiece } = this.#options;
      const more = leastPiece === undefined ? {} : { "oci-chunk-min-length": leastPiece };
      return void response.writeHead(202, { ...location(session, 0), ...more }).end();
    }
    const pieces = this.uploads.get(id);
    if (pieces === undefined || seen.query.get("state") !== "a/b") return refuse(response, 404, "BLOB_UPLOAD_UNKNOWN");
    const length = (): number => pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (seen.method === "GET") return void response.writeHead(204, location(id, length())).end();
    if (seen.method === "DELETE") {
      this.uploads.delete(id);
      return void response.writeHead(204).end();
    }
    const start = /^(\d+)-/.exec(seen.headers["content-range"] ?? "")?.[1];
    if (start !== undefined && Number(start) !== length()) return refuse(response, 416, "BLOB_UPLOAD_INVALID");
    // What arrives stays, also when the connection breaks.
    for await (const piece of request) pieces.push(piece as Buffer);
    if (seen.method === "PATCH") return void response.writeHead(202, location(id, length())).end();
    const whole = Buffer.concat(pieces);
    if (digestOf(whole) !== seen.query.get("digest")) return refuse(response, 400, "DIGEST_INVALID");
    this.uploads.delete(id);
    response.writeHead(201, { "docker-content-digest": this.putBlob(repository, whole) }).end();
  }

  #isAllowed({ headers: { authorization = "" }, path, method }: Seen): boolean {
    const { auth } = this.#options;
    if (auth === undefined) return true;
    if (auth === "basic") return authorization === basic(USER, this.#options.password ?? PASSWORD);
    const scopes = this.tokens.get(authorization.replace("Bearer ", ""));
    const [, repository] = /^\/v2\/(.+)\/(manifests|blobs|referrers)\//.exec(path) ?? [];
    const action = method === "GET" || method === "HEAD" ? /pull/ : /push/;
    return (
      scopes?.some(
        (scope) => repository === undefined || (scope.startsWith(`repository:${repository}:`) && action.test(scope)),
      ) ?? false
    );
  }

  #challenge({ path, method }: Seen, response: ServerResponse): void {
    const [, repository] = /^\/v2\/(.+)\/(manifests|blobs|referrers)\//.exec(path) ?? [];
    const actions = method === "GET" || method === "HEAD" ? "pull" : "pull,push";
    const scope =
      repository === undefined ? "" : `,scope="repository:${repository}:${actions}",error="insufficient_scope"`;
    const value =
      this.#options.auth === "basic" ? 'Basic realm="test"' : `Bearer realm="${this.url}/token",service="test"${scope}`;
    response.setHeader("www-authenticate", value);
    refuse(response, 401, "UNAUTHORIZED");
  }

  #token(seen: Seen, response: ServerResponse, body: Buffer): void {
    const form = new URLSearchParams(body.toString());
    const fields = seen.method === "POST" ? form : seen.query;
    const isKnown =
      seen.method === "POST"
        ? form.get("refresh_token") === IDENTITY
        : seen.headers.authorization === basic(USER, this.#options.password ?? PASSWORD);
    if (!isKnown) return refuse(response, 401, "UNAUTHORIZED");
    const token = `token-${++this.#count}`;
    this.tokens.set(token, fields.getAll("scope"));
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ token, expires_in: 300 }));
  }
}

/** Answers with the bytes, or with the range that is asked for. */
export function sendBlob(seen: Seen, response: ServerResponse, bytes: Buffer): void {
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(seen.headers.range ?? "") ?? [];
  const start = Number(first ?? 0);
  const end = last ? Number(last) + 1 : bytes.length;
  const part = bytes.subarray(start, end);
  const range = first === undefined ? {} : { "content-range": `bytes ${start}-${end - 1}/${bytes.length}` };
  response.writeHead(first === undefined ? 200 : 206, { "content-length": part.length, ...range });
  response.end(seen.method === "HEAD" ? undefined : part);
}

/** Answers with the bytes again and again, until the client has enough. */
export function endless(response: ServerResponse, bytes: Buffer): void {
  // Not from the callback itself: after the end of the connection it is called at once.
  response.write(bytes, (error) => void (error || setImmediate(endless, response, bytes)));
}

export function refuse(response: ServerResponse, status: number, code: string): void {
  const body = JSON.stringify({ errors: [{ code, message: code.toLowerCase().replaceAll("_", " ") }] });
  response.writeHead(status, { "content-type": "application/json" }).end(body);
}

export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}
