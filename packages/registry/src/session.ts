import { Readable } from "node:stream";
import { Answer } from "./answer.ts";
import { Attempts, MOST_TRIES } from "./attempts.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import type { Credentials } from "./credential-helper.ts";
import { RegistryError, type RegistryFailure } from "./errors.ts";
import type { Body, Host } from "./host.ts";
import { basicAuthorization, Tokens } from "./tokens.ts";

const MOST_REDIRECTIONS = 5;
const REDIRECTIONS = new Set([301, 302, 303, 307, 308]);
/** Those after which the method stays the same. */
const STRICT_REDIRECTIONS = new Set([307, 308]);
/** Docker Hub's host in names is not the one that speaks the protocol. */
const PROTOCOL_HOSTS = new Map([["docker.io", "registry-1.docker.io"]]);

/** A request to a registry. */
export interface SessionRequest {
  method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** A path below /v2/, or a whole URL that the registry returned. */
  target: string | URL;
  /** The object, for messages. */
  what: string;
  /** Statuses that are no errors. */
  expected: readonly number[];
  headers?: Record<string, string>;
  body?: Body;
  /** The kind of error that 404 is; default "absent". */
  notFound?: RegistryFailure;
  /** Of the token: "repository:NAME:pull". */
  scopes: readonly string[];
  signal?: AbortSignal | undefined;
}

export interface SessionOptions {
  /** Attempts to get an answer; a body that breaks is continued more often. */
  tries: number;
  /** Milliseconds before the second attempt. */
  pause: number;
  pieces: { from: number; size: number };
  warn(line: string): void;
  /** Ends what several requests wait for. */
  signal: AbortSignal | undefined;
  findCredentials(): Promise<Credentials | undefined>;
}

/** Requests to one repository: scheme, authentication, redirections and repetition. */
export class Session {
  readonly host: Host;
  readonly #options: SessionOptions;
  readonly #tokens: Tokens;
  /** Whether http is used; undefined until a request has shown it. */
  #isPlain: boolean | undefined;
  #challenge: Challenge | undefined;
  /** What was found last: it serves one token, or until a registry with Basic refuses it. Secrets are replaced while this process runs. */
  #found: Promise<Credentials | undefined> | undefined;
  #greeting: Promise<void> | undefined;

  constructor(host: Host, options: SessionOptions) {
    this.host = host;
    this.#options = options;
    const { scheme } = host.endpoint;
    this.#isPlain = scheme === "either" ? undefined : scheme === "http";
    this.#tokens = new Tokens(
      (url, form, authorization) => this.#askForToken(url, form, authorization),
      this.#isLenient,
      this.name,
    );
  }

  /** The registry or mirror, for messages. */
  get name(): string {
    return this.host.endpoint.name;
  }

  get pieces(): { from: number; size: number } {
    return this.#options.pieces;
  }

  /** New attempts at one operation that consists of several requests. */
  attempts(signal?: AbortSignal): Attempts {
    return this.#newAttempts(this.#options.tries, signal);
  }

  /** Of a body that has begun. */
  continuations(signal?: AbortSignal): Attempts {
    return this.#newAttempts(MOST_TRIES, signal);
  }

  #newAttempts(most: number, signal: AbortSignal | undefined): Attempts {
    return new Attempts(most, this.#options.pause, this.#options.warn, this.#joined(signal));
  }

  /** Sends a request until it succeeds or fails for good. Throws RegistryError, or the signal's reason. */
  async request(request: SessionRequest): Promise<Answer> {
    const attempts = this.attempts(request.signal);
    for (;;) {
      try {
        return await this.once(request);
      } catch (error) {
        await attempts.failed(error);
      }
    }
  }

  /** The same, in one attempt; a new token is no second one. */
  async once(given: SessionRequest): Promise<Answer> {
    const request = { ...given, signal: this.#joined(given.signal) };
    await (this.#greeting ??= this.#greet());
    let scopes = request.scopes;
    let used = await this.#authorization(scopes);
    for (let isRepeated = false; ; isRepeated = true) {
      const answer = await this.#follow(request, used);
      if (request.expected.includes(answer.status)) return answer;
      const isOwn = answer.url.origin === this.origin;
      const challenge = isOwn && !isRepeated ? this.#demandOf(answer) : undefined;
      // Read to its end before the next request: the connections are few.
      const failure = await answer.failure(request.what, request.notFound);
      if (challenge === undefined) throw failure;
      this.#challenge = challenge;
      const demanded = challenge.parameters.get("scope")?.split(" ") ?? [];
      scopes = [...new Set([...scopes, ...demanded])].filter((scope) => scope !== "").sort();
      const next = await this.#authorization(scopes, { refused: used });
      if (next === undefined || next === used) throw failure;
      used = next;
    }
  }

  /** Of the registry; what is elsewhere gets no Authorization. */
  get origin(): string {
    return this.#base().origin;
  }

  /** A signal that ends with the session, too. */
  #joined(signal: AbortSignal | undefined): AbortSignal | undefined {
    const signals = [signal, this.#options.signal].filter((one) => one !== undefined);
    return signals.length > 1 ? AbortSignal.any(signals) : signals[0];
  }

  get #isLenient(): boolean {
    return this.host.endpoint.scheme !== "https";
  }

  /**
   * Finds out whether the registry speaks https if it may speak http, and, if there are credentials, how it wants
   * them: what is public is often served without, with less than the user may see. Without credentials the first request shows it.
   */
  async #greet(): Promise<void> {
    try {
      const hasCredentials = (await this.#lookUp()) !== undefined;
      if (!hasCredentials && this.#isPlain !== undefined) return;
      const answer = await this.#ping();
      if (answer.status === 401) this.#challenge = this.#challengeOf(answer);
      answer.discard();
    } catch (error) {
      this.#greeting = undefined;
      throw error;
    }
  }

  async #ping(): Promise<Answer> {
    const { signal } = this.#options;
    const ping = (isPlain: boolean): Promise<Answer> => {
      this.#isPlain = isPlain;
      return this.#follow({ method: "GET", target: "", what: this.name, expected: [], scopes: [], signal }, undefined);
    };
    if (this.#isPlain !== undefined) return ping(this.#isPlain);
    try {
      return await ping(false);
    } catch (error) {
      signal?.throwIfAborted();
      this.#isPlain = undefined;
      if (!(error instanceof RegistryError) || (error.kind !== "tls" && error.kind !== "unreachable")) throw error;
      try {
        return await ping(true);
      } catch (second) {
        this.#isPlain = undefined;
        throw second;
      }
    }
  }

  /**
   * The value of the header; undefined if the registry demands none, or there are no credentials for it. `last`: what a request had that
   * was refused.
   */
  async #authorization(scopes: readonly string[], last?: { refused: string | undefined }): Promise<string | undefined> {
    const challenge = this.#challenge;
    if (challenge === undefined) return undefined;
    if (challenge.scheme === "basic") {
      return basicAuthorization(await (last === undefined ? (this.#found ?? this.#lookUp()) : this.#lookUp()));
    }
    const stale = last?.refused?.replace(/^Bearer /, "");
    const takeCredentials = (): Promise<Credentials | undefined> => {
      const found = this.#found ?? this.#options.findCredentials();
      this.#found = undefined;
      return found;
    };
    return `Bearer ${await this.#tokens.get(challenge, scopes, takeCredentials, stale)}`;
  }

  #lookUp(): Promise<Credentials | undefined> {
    const found = this.#options.findCredentials();
    this.#found = found;
    // The next request looks again.
    found.catch(() => {
      if (this.#found === found) this.#found = undefined;
    });
    return found;
  }

  /** What a refused request lacks, if another Authorization may help. */
  #demandOf(answer: Answer): Challenge | undefined {
    if (answer.status === 401) return this.#challengeOf(answer);
    if (answer.status !== 403) return undefined;
    return parseChallenges(answer.header("www-authenticate") ?? "").find(
      ({ scheme, parameters }) => scheme === "bearer" && parameters.get("error") === "insufficient_scope",
    );
  }

  #challengeOf(answer: Answer): Challenge | undefined {
    const challenges = parseChallenges(answer.header("www-authenticate") ?? "");
    return (
      challenges.find(({ scheme }) => scheme === "bearer") ??
      challenges.find(({ scheme }) => scheme === "basic") ??
      this.#challenge
    );
  }

  /** One request with its redirections. Authorization goes to the registry's own scheme, host and port only. */
  async #follow(request: SessionRequest, authorization: string | undefined): Promise<Answer> {
    const own = this.#base();
    const { headers: configured, namespace } = this.host.endpoint;
    let url = request.target instanceof URL ? request.target : new URL(request.target, own);
    if (namespace !== undefined && url !== request.target) url.searchParams.set("ns", namespace);
    for (let count = 0; ; count++) {
      const isOwn = url.origin === own.origin;
      const headers = {
        ...(isOwn && configured),
        ...request.headers,
        ...(isOwn && authorization !== undefined && { authorization }),
      };
      const { method, body, signal } = request;
      const message = await this.host.send({ method, url, headers, body, isOwn, signal });
      const answer = new Answer(message, url, this.host.stall);
      const followed = method === "GET" || method === "HEAD" ? REDIRECTIONS : STRICT_REDIRECTIONS;
      if (!followed.has(answer.status)) return answer;
      answer.discard();
      if (count === MOST_REDIRECTIONS)
        throw new RegistryError("protocol", `${request.what}: more than ${MOST_REDIRECTIONS} redirections`);
      url = this.location(answer, request.what);
    }
  }

  /** The URL in an answer's Location. Throws RegistryError (protocol). */
  location(answer: Answer, what: string): URL {
    const header = answer.header("location");
    const url = header === undefined ? null : URL.parse(header, answer.url.href);
    const isAllowed = url?.protocol === "https:" || (url?.protocol === "http:" && this.#isLenient);
    // Node would send a user in the URL as Authorization.
    if (url !== null && isAllowed && url.username === "" && url.password === "") return url;
    throw new RegistryError("protocol", `${what}: the registry redirects to what is no https address`);
  }

  #base(): URL {
    const { host, path } = this.host.endpoint;
    return new URL(path, `${this.#isPlain === true ? "http" : "https"}://${PROTOCOL_HOSTS.get(host) ?? host}`);
  }

  async #askForToken(url: URL, form: URLSearchParams | undefined, authorization: string | undefined): Promise<Answer> {
    const what = `token for ${this.name}`;
    const bytes = form === undefined ? undefined : Buffer.from(form.toString());
    for (let count = 0, at = url; ; count++) {
      const isSame = at.origin === url.origin;
      const message = await this.host.send({
        method: bytes === undefined ? "GET" : "POST",
        url: at,
        headers: {
          ...(at.origin === this.origin && this.host.endpoint.headers),
          ...(isSame && authorization !== undefined && { authorization }),
          ...(bytes !== undefined && { "content-type": "application/x-www-form-urlencoded" }),
        },
        body: bytes && { size: bytes.length, read: () => Readable.from([bytes]) },
        isOwn: false,
        signal: this.#options.signal,
      });
      const answer = new Answer(message, at, this.host.stall);
      if (answer.status === 200) return answer;
      if (!REDIRECTIONS.has(answer.status)) throw await answer.failure(what);
      answer.discard();
      if (count === MOST_REDIRECTIONS) throw new RegistryError("protocol", `${what}: too many redirections`);
      at = this.location(answer, what);
      // The identity token is in the body.
      if (bytes !== undefined && at.origin !== url.origin)
        throw new RegistryError("protocol", `${what}: the token server redirects to another host`);
    }
  }
}
