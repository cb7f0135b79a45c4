import { Agent as PlainAgent, type IncomingMessage, type RequestOptions, request as plainRequest } from "node:http";
import { Agent, request } from "node:https";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { errorCode, printable, reasonOf } from "@puzzlefs/linux";
import type { Endpoint } from "./endpoint.ts";
import type { Environment } from "./environment.ts";
import { RegistryError } from "./errors.ts";
import { hostTrust, systemAuthorities, type Trust } from "./trust.ts";

/** Connections to one host. More would not make a transfer faster, and registries count them. */
const SOCKETS = 6;

/** The bytes of a request. */
export interface Body {
  size: number;
  read(): Readable;
  /** Gets the number of bytes that were taken for sending. */
  sent?(bytes: number): void;
}

export interface HttpRequest {
  method: string;
  url: URL;
  headers: Record<string, string | string[]>;
  body?: Body | undefined;
  /** The client's certificate may be sent to this host. */
  isOwn: boolean;
  signal?: AbortSignal | undefined;
}

/**
 * The connections of one registry, kept alive. A redirection and the token server are reached with the authorities and the
 * leniency of the registry that named them, but without the client's certificate.
 */
export class Host {
  readonly endpoint: Endpoint;
  readonly stall: number;
  /** Whether any request was answered: if so, a refused connection may be a restart. */
  isKnown = false;
  readonly #environment: Environment;
  readonly #agents = new Map<string, Agent | PlainAgent>();
  #trust: Trust | undefined;

  constructor(endpoint: Endpoint, stall: number, environment: Environment) {
    this.endpoint = endpoint;
    this.stall = stall;
    this.#environment = environment;
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  /** Sends a request, and returns the answer as soon as its header is there. Throws RegistryError (unreachable, tls), or the signal's reason. */
  async send(sending: HttpRequest): Promise<IncomingMessage> {
    for (;;) {
      try {
        const message = await this.#attempt(sending);
        this.isKnown = true;
        return message;
      } catch (error) {
        // The registry closed the connection while it was idle; nothing was read of the request.
        if (!(error instanceof StaleConnection)) throw error;
      }
    }
  }

  #attempt({ method, url, headers, body, isOwn, signal }: HttpRequest): Promise<IncomingMessage> {
    signal?.throwIfAborted();
    const isPlain = url.protocol === "http:";
    const options: RequestOptions = {
      method,
      headers: { "user-agent": "puzzlefs", ...headers, ...(body !== undefined && { "content-length": body.size }) },
      agent: this.#agent(url, isOwn),
      timeout: this.stall,
      ...(signal !== undefined && { signal }),
    };
    return new Promise((resolve, reject) => {
      const sending = (isPlain ? plainRequest : request)(url, options);
      const source = body?.read();
      let isAnswered = false;
      const fail = (error: Error): void => {
        source?.destroy();
        if (signal?.aborted === true) reject(signal.reason as Error);
        else if (sending.reusedSocket && body === undefined && errorCode(error) === "ECONNRESET")
          reject(new StaleConnection());
        else reject(error instanceof RegistryError ? error : this.#failure(error, url));
      };
      sending.on("error", fail);
      sending.on("timeout", () => {
        // After the header, the reader of the body looks after stalls: it knows whether it waits.
        if (!isAnswered) sending.destroy(stalled(url, this.stall));
      });
      sending.once("socket", (socket) => this.#limitDialing(socket, url));
      sending.on("response", (message) => {
        isAnswered = true;
        source?.destroy();
        // An answer before the end of the body, such as 401: the connection is of no more use.
        if (!sending.writableFinished) message.once("end", () => sending.destroy());
        resolve(message);
      });
      if (body === undefined || source === undefined) return void sending.end();
      const bytes = source;
      let count = 0;
      bytes.on("error", (error) => {
        if (isAnswered) return;
        reject(error);
        sending.destroy();
      });
      bytes.on("data", (piece: Buffer) => {
        count += piece.length;
        body.sent?.(piece.length);
        if (count > body.size) return void bytes.destroy(new Error(`more than ${body.size} bytes to upload`));
        if (sending.write(piece)) return;
        bytes.pause();
        sending.once("drain", () => bytes.resume());
      });
      bytes.on("end", () => {
        if (count < body.size) bytes.destroy(new Error(`${count} of ${body.size} bytes to upload`));
        else sending.end();
      });
    });
  }

  /** Ends a connection that is not made in time: a host that does not answer at all. */
  #limitDialing(socket: Socket, url: URL): void {
    const { dialTimeout } = this.endpoint;
    if (dialTimeout === undefined || !socket.connecting) return;
    const why = `${url.host}: no connection in ${dialTimeout / 1000} s`;
    const timer = setTimeout(() => socket.destroy(new RegistryError("unreachable", why)), dialTimeout);
    for (const event of ["connect", "close"]) socket.once(event, () => clearTimeout(timer));
  }

  /** One agent for http, and for https one with and one without the client's certificate. */
  #agent(url: URL, isOwn: boolean): Agent | PlainAgent {
    const isLocal = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
    const key = `${url.protocol}${isOwn}${isLocal}`;
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    // As in Go, no proxy is used for this machine.
    const proxyEnv = isLocal ? {} : { proxyEnv: { ...this.#environment } as NodeJS.ProcessEnv };
    const common = { keepAlive: true, maxSockets: SOCKETS, ...proxyEnv };
    const agent = url.protocol === "http:" ? new PlainAgent(common) : new Agent({ ...common, ...this.#tls(isOwn) });
    this.#agents.set(key, agent);
    return agent;
  }

  #tls(isOwn: boolean): object {
    const { host, trust, skipsVerification } = this.endpoint;
    this.#trust ??= trust ?? hostTrust(host, this.#environment);
    const { ca, cert, key } = this.#trust;
    return {
      ca: [...systemAuthorities(this.#environment), ...ca],
      rejectUnauthorized: !skipsVerification,
      ...(isOwn && cert.length > 0 && { cert, key }),
    };
  }

  #failure(error: Error, url: URL): RegistryError {
    // Node tries all addresses of a name.
    const first: Error = error instanceof AggregateError ? ((error.errors[0] as Error | undefined) ?? error) : error;
    const code = errorCode(first) ?? "";
    const where = `${url.protocol}//${url.host}`;
    if (code === "EPROTO" && first.message.includes("wrong version number")) {
      const hint = "use --plain-http, or 'insecure' of registries.conf, for a registry without https";
      return new RegistryError("tls", `${where}: the answer is not TLS; ${hint}`, { cause: error });
    }
    if (isCertificateError(code, first))
      return new RegistryError("tls", `${where}: no secure connection: ${first.message}`, { cause: error });
    const isFinal =
      ["ENOTFOUND", "ERR_INVALID_URL"].includes(code) ||
      (["ECONNREFUSED", "EHOSTUNREACH"].includes(code) && !this.isKnown);
    return new RegistryError("unreachable", `${where}: no connection${peerOf(first, url)}: ${reasonOf(first)}`, {
      cause: error,
      isTransient: !isFinal,
    });
  }
}

/** Where a connection was tried to: perhaps to a proxy, which is not in the URL. */
function peerOf(error: Error, { hostname }: URL): string {
  const { address, port, hostname: name } = error as Error & { address?: unknown; port?: unknown; hostname?: unknown };
  if (typeof address === "string" && typeof port === "number") return ` to ${printable(address)} port ${port}`;
  return typeof name === "string" && name !== hostname ? ` to ${printable(name)}` : "";
}

export function stalled(url: URL, milliseconds: number): RegistryError {
  return new RegistryError("unreachable", `${url.host}: no byte for ${milliseconds / 1000} s`);
}

/** A kept connection that the registry has closed. */
class StaleConnection extends Error {}

function isCertificateError(code: string, error: Error): boolean {
  return (
    /^(CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_|INVALID_CA|ERR_TLS_|ERR_SSL_|ERR_OSSL_)/.test(code) ||
    (code === "EPROTO" && error.message.includes("SSL"))
  );
}
