/** A character device of QEMU as a stream: QEMU connects to our socket. */
import { Buffer } from "node:buffer";
import { createServer, type Server, type Socket } from "node:net";

export class Port {
  readonly path: string;
  readonly #server: Server;
  #socket: Socket | undefined;
  #received: Buffer[] = [];
  #watchers: (() => void)[] = [];
  /** Called with data as it arrives. */
  onData: ((data: Buffer) => void) | undefined;

  private constructor(path: string, server: Server) {
    this.path = path;
    this.#server = server;
    server.on("connection", (socket) => {
      this.#socket = socket;
      socket.on("data", (data) => {
        this.#received.push(data);
        this.onData?.(data);
        this.#wake();
      });
      socket.on("error", () => undefined);
      socket.on("close", () => this.#wake());
    });
  }

  static async listen(path: string): Promise<Port> {
    const server = createServer();
    const port = new Port(path, server);
    await new Promise<void>((done, failed) => {
      server.once("error", failed);
      server.listen(path, done);
    });
    return port;
  }

  /** All data that has arrived and was not taken. */
  received(): Buffer {
    const all = Buffer.concat(this.#received);
    this.#received = [all];
    return all;
  }

  /** Takes the data before `marker` and the line that begins with it; undefined while that has not arrived. */
  takeUntil(marker: Buffer): { before: Buffer; line: string } | undefined {
    const all = this.received();
    const at = all.indexOf(marker);
    const end = at < 0 ? -1 : all.indexOf(0x0a, at);
    if (end < 0) return undefined;
    this.#received = [all.subarray(end + 1)];
    return { before: all.subarray(0, at), line: all.toString("latin1", at + marker.length, end).trim() };
  }

  write(text: string): void {
    this.#socket?.write(text);
  }

  /** Settles when data arrives, or the other end closes. */
  arrival(): Promise<void> {
    return new Promise((done) => this.#watchers.push(done));
  }

  close(): void {
    this.#socket?.destroy();
    this.#server.close();
    this.#wake();
  }

  #wake(): void {
    const watchers = this.#watchers;
    this.#watchers = [];
    for (const watcher of watchers) watcher();
  }
}
