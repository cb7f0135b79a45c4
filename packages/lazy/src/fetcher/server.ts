import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { becomeOpaque, close, flock, hasCode, LOCK_EX, LOCK_NB, messageOf } from "@puzzlefs/linux";
import { type Directory } from "@puzzlefs/linux";
import { Layout, lazySource, openLazy } from "@puzzlefs/oci";
import { Registry } from "@puzzlefs/registry";
import { chunkPlan } from "../chunk-plan.ts";
import { SOCKET } from "../connect.ts";
import {
  Answer,
  answerHead,
  failureText,
  type FetchOrder,
  LineReader,
  NO_DIGEST,
  parseOrder,
  parseWish,
} from "../protocol.ts";
import { ChunkWriter } from "./chunk-writer.ts";
import { completeImage } from "./complete.ts";
import { fillImage } from "./fill.ts";
import { ImageFetcher } from "./image-fetcher.ts";
import { MemoryWindow } from "./memory-window.ts";
import { Slots } from "./slots.ts";

const LOCK = "fetcher.lock";
/** Without readers it ends: a little later, as the next one may come. */
const IDLE_MILLISECONDS = 5000;
/** Bytes of answers to one reader that may wait in memory; then no wishes of it are read. With four times as many it loses its connection. */
const MOST_UNSENT = 64 << 20;

export interface FetcherSettings {
  log(message: string): void;
  /** Images that the kernel driver has mounted, for gc. */
  mounted(): Iterable<string>;
}

/** One image that is fetched. */
interface Work {
  fetcher: ImageFetcher;
  registry: Registry;
  writer: ChunkWriter;
  slots: Slots;
  memory: MemoryWindow;
  readers: Set<Reader>;
  /** Ends the background work when the last reader that wants it is gone. */
  filling: AbortController | undefined;
  stop: AbortController;
}

interface Reader {
  socket: Socket;
  order: FetchOrder | undefined;
}

/**
 * The fetcher of a layout: it runs in the layout's `lazy` directory, which only its owner may enter, and ends when it has no readers. A second one
 * ends at once. Nothing that it has in memory matters: when it dies the next one begins anew.
 */
export async function runFetcher(settings: FetcherSettings): Promise<void> {
  becomeOpaque();
  using layout = Layout.open("..");
  using directory = openLazy(layout);
  if (directory === undefined) return;
  const lock = lockOf(directory);
  if (!flock(lock, LOCK_EX | LOCK_NB)) return close(lock);
  const fetcher = new Fetcher(layout, settings);
  await fetcher.serve(directory);
}

function lockOf(directory: Directory): number {
  try {
    return directory.createFile(LOCK, 0o600);
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
    const descriptor = directory.openFile(LOCK);
    if (descriptor === undefined) throw error;
    return descriptor;
  }
}

class Fetcher {
  readonly #layout: Layout;
  readonly #settings: FetcherSettings;
  readonly #works = new Map<string, Work>();
  readonly #readers = new Set<Reader>();

  constructor(layout: Layout, settings: FetcherSettings) {
    this.#layout = layout;
    this.#settings = settings;
  }

  /** Settles when it has had no readers for a while. */
  async serve(directory: Directory): Promise<void> {
    directory.removeFile(SOCKET);
    const server = createServer((socket) => this.#accept(socket));
    const before = process.umask(0o177);
    try {
      await listening(server);
    } finally {
      process.umask(before);
    }
    do await sleep(IDLE_MILLISECONDS);
    while ([...this.#readers].some(({ order }) => order !== undefined));
    directory.removeFile(SOCKET);
    // A reader that has connected meanwhile connects again. One without an order may be a connection that a dead server did not take.
    server.close();
    for (const { socket } of this.#readers) socket.destroy();
    for (const { writer } of this.#works.values()) await writer.flush();
  }

  #accept(socket: Socket): void {
    const reader: Reader = { socket, order: undefined };
    this.#readers.add(reader);
    const lines = new LineReader();
    socket.setEncoding("utf8");
    socket.on("error", () => undefined);
    socket.on("data", (part: string) => {
      try {
        for (const line of lines.read(part)) this.#receive(reader, line);
      } catch (error) {
        this.#settings.log(`a reader: ${messageOf(error)}`);
        socket.destroy();
      }
    });
    socket.once("close", () => this.#leave(reader));
  }

  #receive(reader: Reader, line: string): void {
    if (reader.order !== undefined) {
      for (const digest of parseWish(line).want) void this.#answer(reader, reader.order, digest);
      return;
    }
    const order = parseOrder(line);
    reader.order = order;
    try {
      if (lazySource(this.#layout, order.image) === undefined) return this.#complete(reader);
      const work = this.#workOf(order);
      work.readers.add(reader);
      if (order.fill) this.#fill(order, work);
    } catch (error) {
      // Each wish is answered with it.
      this.#settings.log(messageOf(error));
    }
  }

  /** The layout has all of the reader's image. */
  #complete(reader: Reader): void {
    this.#send(reader, NO_DIGEST, Answer.COMPLETE, Buffer.alloc(0));
    reader.socket.end();
  }

  async #answer(reader: Reader, order: FetchOrder, digest: string): Promise<void> {
    let kind: number = Answer.FAILED;
    let body: Buffer;
    try {
      const work = this.#workOf(order);
      const fetched = order.stored
        ? await this.#store(work, digest, order.timeout)
        : await work.fetcher.fetch(digest, order.timeout);
      kind = fetched === "stored" ? Answer.STORED : Answer.BYTES;
      body = fetched === "stored" ? Buffer.alloc(0) : fetched;
    } catch (error) {
      body = failureText(messageOf(error));
    }
    this.#send(reader, digest, kind, body);
  }

  /** Fetches a chunk for readers of the layout. Throws Error if it cannot be fetched, or not be stored. */
  async #store({ fetcher, writer, memory }: Work, digest: string, timeout: number): Promise<"stored"> {
    const position = fetcher.plan.find(digest);
    using _ = await memory.take(position === undefined ? 0 : fetcher.plan.at(position).size);
    const fetched = await fetcher.fetch(digest, timeout);
    if (fetched !== "stored") await writer.store(digest, fetched);
    return "stored";
  }

  #send({ socket }: Reader, digest: string, kind: number, body: Buffer): void {
    if (socket.destroyed || socket.writableEnded) return;
    socket.write(answerHead(digest, kind, body.length));
    socket.write(body);
    if (socket.writableLength > 4 * MOST_UNSENT) return void socket.destroy();
    if (socket.writableLength < MOST_UNSENT || socket.isPaused()) return;
    socket.pause();
    socket.once("drain", () => socket.resume());
  }

  /** Throws LayoutError, RegistryError. */
  #workOf({ image, reserve }: FetchOrder): Work {
    const known = this.#works.get(image);
    if (known !== undefined) return known;
    const source = lazySource(this.#layout, image);
    if (source === undefined) throw new Error(`the image sha256:${image} is not lazy`);
    const { reference, name: _, ...settings } = source;
    const plan = chunkPlan(this.#layout, image);
    const stop = new AbortController();
    const registry = new Registry(settings);
    const writer = new ChunkWriter(this.#layout, { reserve, log: this.#settings.log });
    const slots = new Slots();
    const repository = registry.open(reference, "pull");
    const fetcher = new ImageFetcher(this.#layout, plan, repository, writer, slots, stop.signal);
    const memory = new MemoryWindow();
    const work = { fetcher, registry, writer, slots, memory, readers: new Set<Reader>(), filling: undefined, stop };
    this.#works.set(image, work);
    return work;
  }

  #fill(order: FetchOrder, work: Work): void {
    if (work.filling !== undefined) return;
    const stop = new AbortController();
    work.filling = stop;
    void this.#fillAndComplete(order, work, stop.signal).catch((error: unknown) => {
      if (!stop.signal.aborted) this.#settings.log(`in the background: ${messageOf(error)}`);
    });
  }

  async #fillAndComplete({ image: manifest, reserve }: FetchOrder, work: Work, signal: AbortSignal): Promise<void> {
    const { fetcher, writer, slots } = work;
    const { plan, repository } = fetcher;
    await fillImage(fetcher, writer, slots, signal, this.#settings.log);
    const { mounted } = this.#settings;
    await completeImage({ layout: this.#layout, manifest, plan, repository, signal, reserve, mounted });
    for (const reader of work.readers) this.#complete(reader);
  }

  #leave(reader: Reader): void {
    this.#readers.delete(reader);
    const image = reader.order?.image ?? "";
    const work = this.#works.get(image);
    if (work === undefined) return;
    work.readers.delete(reader);
    if (![...work.readers].some(({ order }) => order?.fill)) {
      work.filling?.abort(new Error("no reader"));
      work.filling = undefined;
    }
    if (work.readers.size > 0) return;
    this.#works.delete(image);
    work.stop.abort(new Error("no reader"));
    void work.writer.flush();
    work.registry[Symbol.dispose]();
  }
}

function listening(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    // Relative to the working directory: paths of sockets are short.
    server.listen(SOCKET, resolve);
  });
}
