import type { IncomingMessage } from "node:http";
import { isObject } from "@puzzlefs/oci";
import { printable } from "@puzzlefs/linux";
import { retryAfter } from "./attempts.ts";
import { RegistryError, type RegistryFailure, type ReportedError } from "./errors.ts";
import { stalled } from "./host.ts";

/** Of bodies that are read whole and are no blobs, bytes. */
const TEXT_LIMIT = 1 << 20;
const MOST_ERRORS = 10;
const LONGEST_TEXT = 300;

/** The answer to a request: its header; the body is unread. Read it or call discard(). */
export class Answer {
  readonly message: IncomingMessage;
  /** The last one, after redirections. */
  readonly url: URL;
  readonly #stall: number;

  constructor(message: IncomingMessage, url: URL, stall: number) {
    this.message = message;
    this.url = url;
    this.#stall = stall;
    // An error before a reader listens is found again by the reader.
    message.on("error", () => {});
  }

  get status(): number {
    return this.message.statusCode ?? 0;
  }

  header(name: string): string | undefined {
    const value = this.message.headers[name];
    return typeof value === "string" ? value : value?.join(", ");
  }

  /** The value of a header that is a count of bytes. */
  count(name: string): number | undefined {
    const value = this.header(name);
    return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
  }

  /** Frees the connection for other requests, unless there is much to read. */
  discard(): void {
    if ((this.count("content-length") ?? TEXT_LIMIT) < 64 << 10) this.message.resume();
    else this.message.destroy();
  }

  /** The whole body, of at most `limit` bytes. Throws RegistryError (protocol, unreachable). */
  async bytes(limit = TEXT_LIMIT): Promise<Buffer> {
    const tooLarge = (): RegistryError =>
      new RegistryError("protocol", `${this.url.host}: an answer of more than ${limit} bytes`, { status: this.status });
    if ((this.count("content-length") ?? 0) > limit) {
      this.message.destroy();
      throw tooLarge();
    }
    const pieces: Buffer[] = [];
    let length = 0;
    let isStalled = false;
    const watch = setTimeout(() => {
      isStalled = true;
      this.message.destroy();
    }, this.#stall);
    try {
      for await (const piece of this.message as AsyncIterable<Buffer>) {
        watch.refresh();
        length += piece.length;
        if (length > limit) throw tooLarge();
        pieces.push(piece);
      }
    } catch (error) {
      if (error instanceof RegistryError) throw error;
      if (isStalled) throw stalled(this.url, this.#stall);
      throw new RegistryError("unreachable", `${this.url.host}: the connection broke`, { cause: error });
    } finally {
      clearTimeout(watch);
    }
    return Buffer.concat(pieces);
  }

  /** The error that an answer with another status than the expected ones is. `what` names the object. */
  async failure(what: string, notFound: RegistryFailure = "absent"): Promise<RegistryError> {
    const { status } = this;
    let reported: ReportedError[] = [];
    try {
      reported = parseErrors(await this.bytes());
    } catch {
      // The status counts.
    }
    const texts = reported.map(({ code, message }) => (message === "" ? code : `${code}: ${message}`));
    const text = `${what}: ${describe(status)} (${[status, ...texts].join("; ")})`;
    return new RegistryError(status === 404 ? notFound : kindOf(status), text, {
      status,
      reported,
      retryAfter: retryAfter(this.header("retry-after")),
    });
  }
}

function describe(status: number): string {
  if (status === 401) return "the registry demands a login";
  if (status === 403) return "the registry denies access";
  if (status === 404) return "not found";
  if (status === 429) return "too many requests";
  return status >= 500 ? "the registry failed" : status >= 400 ? "the registry refused" : "an unexpected answer";
}

function kindOf(status: number): RegistryFailure {
  if (status === 401 || status === 403) return "denied";
  if (status === 429) return "limited";
  if (status === 408 || (status >= 500 && status <= 504)) return "failed";
  return status >= 400 ? "refused" : "protocol";
}

/** The errors in the body, as the distribution specification has them; anything else is no error. */
function parseErrors(body: Buffer): ReportedError[] {
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch {
    return [];
  }
  const errors = isObject(value) && Array.isArray(value["errors"]) ? value["errors"] : [];
  return errors
    .filter((error) => isObject(error))
    .slice(0, MOST_ERRORS)
    .map(({ code, message }) => ({ code: shown(code), message: shown(message) }))
    .filter(({ code }) => code !== "");
}

function shown(text: unknown): string {
  return typeof text === "string" ? printable(text.slice(0, LONGEST_TEXT)) : "";
}
