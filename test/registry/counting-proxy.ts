import { connect, createServer, type Server, type Socket } from "node:net";

/** Passes connections on to a port of this machine, and counts the bytes of both directions. */
export class CountingProxy implements Disposable {
  readonly port: number;
  /** Bytes to the server, and from it, with all headers. */
  sent = 0;
  received = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async start(to: number): Promise<CountingProxy> {
    const server = createServer();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    server.listen(0, "localhost", resolve);
    await promise;
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const proxy = new CountingProxy(server, address.port);
    server.on("connection", (client) => proxy.#pass(client, connect(to, "localhost")));
    return proxy;
  }

  /** Counts from now on. */
  reset(): void {
    this.sent = 0;
    this.received = 0;
  }

  #pass(client: Socket, server: Socket): void {
    client.on("data", ({ length }: Buffer) => (this.sent += length));
    server.on("data", ({ length }: Buffer) => (this.received += length));
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        other.destroy();
        this.#sockets.delete(one);
      });
      one.pipe(other);
    }
  }

  [Symbol.dispose](): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
