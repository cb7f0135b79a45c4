import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

/** A proxy of HTTP: it passes requests for whole URLs on (http), and connections (CONNECT, https), all to one port of this machine, whatever host they name. */
export class HttpProxy implements AsyncDisposable {
  /** "METHOD URL", or "CONNECT host:port". */
  readonly requests: string[] = [];
  /** Proxy-Authorization of each. */
  readonly authorizations: (string | undefined)[] = [];
  /** Status of the answer to everything, instead of passing it on. */
  refusal: number | undefined;
  url = "";
  readonly #target: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((from, to) => this.#pass(from, to));
    this.#server.on("connect", (from: IncomingMessage, socket: Socket) => this.#connect(from, socket));
  }

  /** @param target port of the registry */
  static async start(target: number): Promise<HttpProxy> {
    const proxy = new HttpProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    proxy.url = `http://127.0.0.1:${(proxy.#server.address() as AddressInfo).port}`;
    return proxy;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #record({ method, url, headers }: IncomingMessage): void {
    this.requests.push(`${method} ${url}`);
    this.authorizations.push(headers["proxy-authorization"]);
  }

  #pass(from: IncomingMessage, to: ServerResponse): void {
    this.#record(from);
    const url = URL.parse(from.url ?? "");
    if (this.refusal !== undefined || url === null) {
      from.resume();
      return void to.writeHead(this.refusal ?? 400).end();
    }
    const { "proxy-authorization": _, "proxy-connection": __, ...headers } = from.headers;
    const path = `${url.pathname}${url.search}`;
    const options = { port: this.#target, host: "127.0.0.1", method: from.method, path, headers };
    const onward = request(options, (answer) => {
      to.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(to);
    });
    onward.on("error", () => to.destroy());
    from.pipe(onward);
  }

  #connect(from: IncomingMessage, socket: Socket): void {
    this.#record(from);
    if (this.refusal !== undefined) return void socket.end(`HTTP/1.1 ${this.refusal} Refused\r\n\r\n`);
    const onward = connect(this.#target, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      onward.pipe(socket);
      socket.pipe(onward);
    });
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      this.#sockets.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        other.destroy();
        this.#sockets.delete(one);
      });
    }
  }
}
