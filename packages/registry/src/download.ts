import { BlobStream, type Opened } from "./blob-stream.ts";
import { RegistryError } from "./errors.ts";
import type { BlobRange } from "./interface.ts";
import type { Session } from "./session.ts";

/** Redirections that are remembered for further ranges, of one repository. */
const MOST_KEPT = 64;
/** What object stores answer when a signed URL is no longer valid. */
const EXPIRED = [400, 401, 403, 404, 410];
/** Registries that know no ranges, or not of this blob. */
const NO_RANGE = [400, 416, 501];

/** Blobs of one repository, whole or by range. Only one range a request: object stores answer several with the whole blob or an error. */
export class Downloads {
  readonly #session: Session;
  readonly #name: string;
  readonly #repository: string;
  readonly #scopes: readonly string[];
  /** Where the registry redirected a blob's request to. */
  readonly #redirected = new Map<string, URL>();

  constructor(session: Session, repository: string, scopes: readonly string[]) {
    this.#session = session;
    this.#repository = repository;
    this.#name = `${session.name}/${repository}`;
    this.#scopes = scopes;
  }

  /** Opens a blob. `whole`: a range was asked for, and the whole blob comes. Throws RegistryError (missing, corrupt, …). */
  async open(
    digest: string,
    { size, start = 0, end = size, signal: given }: BlobRange,
  ): Promise<{ stream: BlobStream; whole: boolean }> {
    const what = `blob ${digest} of ${this.#name}`;
    // Closing the stream ends its requests and pauses.
    const closed = new AbortController();
    const signal = given === undefined ? closed.signal : AbortSignal.any([given, closed.signal]);
    const open = (from: number, to: number): Promise<Opened> =>
      this.#request({ digest, what, size, start: from, end: to, signal });
    const attempts = this.#session.attempts(signal);
    let first: Opened | undefined;
    while (first === undefined) {
      try {
        first = await open(start, end);
      } catch (error) {
        await attempts.failed(error);
      }
    }
    const whole = first.start !== start || first.answer.status === 200;
    const from = whole ? 0 : start;
    const to = whole ? size : end;
    const plan = {
      what,
      size,
      start: from,
      end: to,
      attempts: this.#session.continuations(signal),
      signal,
      stall: this.#session.host.stall,
      open: (position: number) => open(position, to),
    };
    const stream = new BlobStream(plan, first);
    stream.once("close", () => closed.abort());
    return { stream, whole };
  }

  async #request(wanted: Wanted): Promise<Opened> {
    const { start, end, size } = wanted;
    if (start === 0 && end === size) return this.#get(wanted, undefined);
    return this.#get(wanted, `bytes=${start}-${end - 1}`);
  }

  async #get(wanted: Wanted, range: string | undefined): Promise<Opened> {
    const { digest, what, signal } = wanted;
    const kept = this.#redirected.get(digest);
    const own = `${this.#repository}/blobs/${digest}`;
    const expected = [200, ...(range === undefined ? [] : [206, ...NO_RANGE])];
    const headers = { "accept-encoding": "identity", ...(range !== undefined && { range }) };
    const common = {
      method: "GET" as const,
      notFound: "missing" as const,
      what,
      headers,
      scopes: this.#scopes,
      signal,
    };
    const target = kept ?? own;
    const answer = await this.#session.once({
      ...common,
      target,
      expected: kept ? [...expected, ...EXPIRED] : expected,
    });
    if (kept !== undefined && EXPIRED.includes(answer.status)) {
      // Also for the status that means "no ranges": the registry itself will repeat it.
      answer.discard();
      this.#redirected.delete(digest);
      return this.#get(wanted, range);
    }
    if (NO_RANGE.includes(answer.status)) {
      answer.discard();
      return this.#get(wanted, undefined);
    }
    this.#keep(digest, answer.url, kept);
    if (answer.status === 200) return this.#whole(wanted, answer);
    const [, first, last, total] =
      /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(answer.header("content-range") ?? "") ?? [];
    const isRight =
      Number(first) === wanted.start && Number(last) < wanted.end && (total === "*" || Number(total) === wanted.size);
    if (isRight) return { answer, start: wanted.start };
    // Several parts, another range, or a blob of another size.
    answer.message.destroy();
    return this.#get(wanted, undefined);
  }

  #whole({ what, size }: Wanted, answer: Opened["answer"]): Opened {
    const length = answer.count("content-length");
    if (length === undefined || length === size) return { answer, start: 0 };
    answer.message.destroy();
    throw new RegistryError("corrupt", `${what}: has ${length} bytes instead of ${size}`, { status: answer.status });
  }

  #keep(digest: string, url: URL, kept: URL | undefined): void {
    if (kept !== undefined || url.origin === this.#session.origin) return;
    const [oldest] = this.#redirected.keys();
    if (this.#redirected.size >= MOST_KEPT && oldest !== undefined) this.#redirected.delete(oldest);
    this.#redirected.set(digest, url);
  }
}

interface Wanted {
  digest: string;
  what: string;
  size: number;
  start: number;
  end: number;
  signal: AbortSignal;
}
