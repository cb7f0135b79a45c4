import { writeSync } from "node:fs";
import { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { close, messageOf, receiveDescriptor, watch } from "@puzzlefs/linux";
import { Answer, AnswerReader, type FetchOrder, MOST_WANTED, type ReadAnswer } from "./protocol.ts";

/** Beyond the time that the fetcher takes at most, for a fetcher that is replaced or does not answer; milliseconds. */
const PATIENCE = 15_000;
/** Between attempts to reach a fetcher. */
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 2000;
/** After a connection that did not last longer. */
const SHORT_LIFE = 1000;

interface Pending {
  promise: Promise<void>;
  resolve: () => void;
  reject: (error: Error) => void;
}

/**
 * A reader's connection to the fetcher of its layout. The reader may be confined to its store, so it cannot connect itself: over
 * `connector`, a socket, it asks for a connection by a byte, and receives a descriptor (connector.sh). A fetcher that dies is
 * replaced by the next connection, and what is still wanted is asked for again.
 */
export class FetchClient {
  /** Called with the bytes of each chunk that arrives. What it throws is the failure of that chunk. */
  onChunk: (digest: string, bytes: Buffer) => void = () => undefined;
  /** Called when all of the image is in the layout. */
  onComplete: () => void = () => undefined;
  readonly #connector: number;
  #order: FetchOrder;
  readonly #pending = new Map<string, Pending>();
  #socket: Socket | undefined;
  #connecting = false;
  #closed = false;

  constructor(connector: number, order: FetchOrder) {
    this.#connector = connector;
    this.#order = order;
  }

  /** Connects, before something is read: the image is fetched in the background, and the first read does not wait for the start of a fetcher. */
  start(): void {
    this.#connect();
  }

  /** Asks for chunks. Settles when all are stored, or have been passed to `onChunk`; rejected with the error of the first that cannot be fetched. */
  async want(digests: readonly string[]): Promise<void> {
    const fresh: string[] = [];
    const wanted = digests.map((digest) => {
      const known = this.#pending.get(digest);
      if (known !== undefined) return known.promise;
      fresh.push(digest);
      return this.#add(digest);
    });
    if (this.#socket !== undefined && fresh.length > 0) this.#wish(this.#socket, fresh);
    else if (fresh.length > 0) this.#connect();
    await Promise.all(wanted);
  }

  close(): void {
    this.#closed = true;
    this.#socket?.destroy();
    for (const digest of this.#pending.keys()) this.#fail(digest, new Error("unmounted"));
  }

  #add(digest: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const limit = this.#order.timeout + PATIENCE;
    const timer = setTimeout(() => this.#fail(digest, new Error("the fetcher does not answer")), limit);
    timer.unref();
    const settled = (): void => {
      clearTimeout(timer);
      this.#pending.delete(digest);
    };
    this.#pending.set(digest, {
      promise,
      resolve: () => (settled(), resolve()),
      reject: (error) => (settled(), reject(error)),
    });
    // Of several that are wanted together, only the first failure is looked at.
    promise.catch(() => undefined);
    return promise;
  }

  #fail(digest: string, cause: Error): void {
    this.#pending
      .get(digest)
      ?.reject(new Error(`chunk sha256:${digest} cannot be fetched: ${cause.message}`, { cause }));
  }

  /** Connects until that succeeds, or nothing is wanted any more. */
  #connect(delay = 0): void {
    if (this.#connecting || this.#closed) return;
    this.#connecting = true;
    void this.#tryToConnect(delay).finally(() => (this.#connecting = false));
  }

  async #tryToConnect(delay: number): Promise<void> {
    if (delay > 0) await sleep(delay, undefined, { ref: false });
    let pause = FIRST_PAUSE;
    do {
      const descriptor = await this.#requestConnection();
      if (this.#closed) {
        if (descriptor !== undefined) close(descriptor);
        return;
      }
      if (descriptor !== undefined) return this.#use(new Socket({ fd: descriptor }));
      await sleep(pause, undefined, { ref: false });
      pause = Math.min(2 * pause, LONGEST_PAUSE);
    } while (this.#pending.size > 0);
  }

  /** Undefined if there is no fetcher and none could be started. */
  #requestConnection(): Promise<number | undefined> {
    return new Promise((resolve) => {
      const watcher = watch(this.#connector, () => {
        watcher.close();
        try {
          resolve(receiveDescriptor(this.#connector));
        } catch {
          resolve(undefined);
        }
      });
      try {
        writeSync(this.#connector, "\n");
      } catch {
        // The other end is closed, which the watcher reports too.
      }
    });
  }

  #use(socket: Socket): void {
    this.#socket = socket;
    const start = performance.now();
    const answers = new AnswerReader();
    socket.on("error", () => undefined);
    socket.on("data", (part: Buffer) => {
      try {
        for (const answer of answers.read(part)) this.#receive(answer);
      } catch {
        // No fetcher of ours: another connection is made.
        socket.destroy();
      }
    });
    socket.once("close", () => {
      this.#socket = undefined;
      if (this.#pending.size > 0 || this.#order.fill)
        this.#connect(performance.now() - start < SHORT_LIFE ? SHORT_LIFE : 0);
    });
    this.#send(socket, this.#order);
    if (this.#pending.size > 0) this.#wish(socket, [...this.#pending.keys()]);
    socket.unref();
  }

  #wish(socket: Socket, digests: readonly string[]): void {
    for (let at = 0; at < digests.length; at += MOST_WANTED)
      this.#send(socket, { want: digests.slice(at, at + MOST_WANTED) });
  }

  #send(socket: Socket, message: object): void {
    socket.write(`${JSON.stringify(message)}\n`);
  }

  #receive({ digest, kind, body }: ReadAnswer): void {
    if (kind === Answer.COMPLETE) {
      // The connection ends: no other is needed before something is wanted again.
      this.#order = { ...this.#order, fill: false };
      for (const { resolve } of this.#pending.values()) resolve();
      return this.onComplete();
    }
    if (kind === Answer.FAILED) return this.#fail(digest, new Error(body.toString("utf8")));
    try {
      // The buffer is a part of a larger one.
      if (kind === Answer.BYTES) this.onChunk(digest, Buffer.from(body));
      this.#pending.get(digest)?.resolve();
    } catch (error) {
      this.#fail(digest, new Error(messageOf(error)));
    }
  }
}
