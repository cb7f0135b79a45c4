import { Readable } from "node:stream";
import type { Answer } from "./answer.ts";
import { RegistryError } from "./errors.ts";
import type { Upload } from "./interface.ts";
import type { Session } from "./session.ts";

/** A registry may demand larger pieces, up to this size. */
const LARGEST_PIECE = 1 << 30;

const CONTENT_TYPE = { "content-type": "application/octet-stream" };

/** Uploads one blob to a repository. Throws RegistryError, what `read` throws, or the signal's reason. */
export async function upload(
  session: Session,
  repository: string,
  scopes: readonly string[],
  blob: Upload,
): Promise<void> {
  const sending = new Uploading(session, repository, scopes, blob);
  const attempts = session.attempts(blob.signal);
  for (;;) {
    try {
      return await sending.run((bytes) => attempts.progress(bytes));
    } catch (error) {
      await attempts.failed(error);
      await sending.resume();
    }
  }
}

class Uploading {
  readonly #session: Session;
  readonly #repository: string;
  readonly #scopes: readonly string[];
  readonly #blob: Upload;
  readonly #what: string;
  /** The session's URL, which each answer may change; undefined: to be begun. */
  #location: URL | undefined;
  /** Bytes that the registry has confirmed. */
  #sent = 0;
  #piece = 0;
  #inPieces: boolean;

  constructor(session: Session, repository: string, scopes: readonly string[], blob: Upload) {
    this.#session = session;
    this.#repository = repository;
    this.#scopes = scopes;
    this.#blob = blob;
    this.#what = `upload of blob ${blob.digest} to ${session.name}/${repository}`;
    this.#inPieces = blob.size >= session.pieces.from;
  }

  async run(progress: (bytes: number) => void): Promise<void> {
    const { size } = this.#blob;
    if (this.#location === undefined) await this.#begin();
    while (this.#inPieces && this.#sent < size) {
      const before = this.#sent;
      const isAccepted = await this.#sendPiece();
      if (isAccepted) progress(this.#sent - before);
      else await this.#withoutPieces();
    }
    await this.#finish();
  }

  /** After a failure: asks what the registry has. Without an answer, the next run begins anew. */
  async resume(): Promise<void> {
    const location = this.#location;
    this.#location = undefined;
    const before = this.#sent;
    this.#sent = 0;
    if (!this.#inPieces || location === undefined || before === 0) return this.#report(0);
    try {
      const answer = await this.#request("GET", location, [204, 200]);
      answer.discard();
      const sent = this.#confirmed(answer) ?? 0;
      // distribution returns "0-0" for no byte and for one.
      if (sent < 2) return this.#report(0);
      this.#location = answer.header("location") === undefined ? location : this.#session.location(answer, this.#what);
      this.#sent = Math.min(sent, this.#blob.size);
    } catch (error) {
      this.#blob.signal?.throwIfAborted();
      if (!(error instanceof RegistryError)) throw error;
    }
    this.#report(this.#sent);
  }

  async #begin(): Promise<void> {
    const answer = await this.#request("POST", `${this.#repository}/blobs/uploads/`, [202]);
    answer.discard();
    this.#location = this.#session.location(answer, this.#what);
    const least = answer.count("oci-chunk-min-length") ?? 0;
    if (least > LARGEST_PIECE) this.#inPieces = false;
    this.#piece = Math.max(this.#session.pieces.size, least);
    this.#sent = 0;
  }

  /** False if the registry takes no pieces. */
  async #sendPiece(): Promise<boolean> {
    const start = this.#sent;
    const end = Math.min(start + this.#piece, this.#blob.size);
    const headers = { ...CONTENT_TYPE, "content-range": `${start}-${end - 1}` };
    let answer: Answer;
    try {
      answer = await this.#request("PATCH", this.#location, [202, 201, 204], { start, end, headers });
    } catch (error) {
      const isRefused = error instanceof RegistryError && (error.kind === "refused" || error.status === 501);
      if (isRefused && start === 0) return false;
      // What was sent before is not what the registry has.
      if (error instanceof RegistryError && error.status === 416)
        throw new RegistryError("failed", error.message, { status: 416, cause: error });
      throw error;
    }
    answer.discard();
    this.#location = this.#session.location(answer, this.#what);
    const sent = this.#confirmed(answer) ?? end;
    if (sent <= start || sent > end)
      throw new RegistryError("failed", `${this.#what}: the registry has ${sent} bytes after byte ${end} was sent`);
    this.#sent = sent;
    this.#report(sent);
    return true;
  }

  async #withoutPieces(): Promise<void> {
    this.#inPieces = false;
    await this.#begin();
  }

  async #finish(): Promise<void> {
    const { digest, size } = this.#blob;
    const url = new URL(this.#location ?? "");
    url.searchParams.set("digest", digest);
    const start = this.#sent;
    const answer = await this.#request("PUT", url, [201, 204], { start, end: size, headers: CONTENT_TYPE });
    answer.discard();
    const confirmed = answer.header("docker-content-digest");
    if (confirmed !== undefined && confirmed !== digest)
      throw new RegistryError("corrupt", `${this.#what}: the registry stored ${JSON.stringify(confirmed)}`);
    this.#report(size);
  }

  async #request(
    method: "GET" | "POST" | "PATCH" | "PUT",
    target: string | URL | undefined,
    expected: readonly number[],
    { start = 0, end = 0, headers = {} }: { start?: number; end?: number; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const { signal } = this.#blob;
    let sent = start;
    return this.#session.once({
      method,
      target: target ?? "",
      what: this.#what,
      expected,
      headers,
      scopes: this.#scopes,
      signal,
      ...(method !== "GET" && {
        body: {
          size: end - start,
          read: () => {
            sent = start;
            return pieceOf(this.#blob, start, end);
          },
          sent: (bytes: number) => this.#report((sent += bytes)),
        },
      }),
    });
  }

  /** The count of bytes in "0-N". */
  #confirmed(answer: Answer): number | undefined {
    const [, last] = /^(?:bytes=)?0-(\d{1,15})$/.exec(answer.header("range") ?? "") ?? [];
    return last === undefined ? undefined : Number(last) + 1;
  }

  #report(sent: number): void {
    this.#blob.progress?.(sent);
  }
}

/** The bytes of a blob from `start` to `end`. */
function pieceOf(blob: Upload, start: number, end: number): Readable {
  if (start === end) return Readable.from([]);
  const source = blob.read(start);
  return end === blob.size ? source : Readable.from(firstBytes(source, end - start));
}

async function* firstBytes(source: AsyncIterable<Buffer>, count: number): AsyncGenerator<Buffer> {
  let left = count;
  for await (const piece of source) {
    yield piece.subarray(0, left);
    left -= piece.length;
    if (left <= 0) return;
  }
}
