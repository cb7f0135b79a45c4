/** Registries of others, each started with an empty directory, and a relay that counts requests and bytes. */
import { spawn } from "node:child_process";
import { existsSync, openSync, writeFileSync } from "node:fs";
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect, createServer as createSocketServer } from "node:net";
import { join } from "node:path";
import { DockerRegistry, lacksRegistry } from "../test/registry/docker-registry-fixture.ts";

/** How a registry is started that listens on a port and stores in a directory. */
type Start = (cache: string, directory: string, port: number) => string[];

/** The programs of CACHE/external/bin are built by the user (test/external/README.md). */
const STARTS: Record<string, Start> = {
  zot: (cache, directory, port) => {
    const http = { address: "127.0.0.1", port: String(port) };
    const storage = { rootDirectory: directory, gc: false };
    const file = `${directory}.json`;
    writeFileSync(file, JSON.stringify({ distSpecVersion: "1.1.1", storage, http, log: { level: "warn" } }));
    return [join(cache, "external/bin/zot"), "serve", file];
  },
  crane: (cache, directory, port) =>
    `${cache}/external/bin/crane registry serve --address localhost:${port} --disk ${directory}`.split(" "),
};
export const REGISTRIES = ["docker-registry", ...Object.keys(STARTS)];

export interface Traffic {
  requests: number;
  /** Bytes of bodies, as the client sees them. */
  sent: number;
  received: number;
}

export interface RunningRegistry extends Disposable {
  /** Of the relay: host and port. */
  host: string;
  /** What the relay has counted since the last call. */
  traffic(): Traffic;
}

/** Undefined if the program is not there. Throws if it ends at once. */
export async function startRegistry(
  name: string,
  cache: string,
  directory: string,
): Promise<RunningRegistry | undefined> {
  const served = await (name === "docker-registry" ? dockerRegistry(directory) : started(name, cache, directory));
  if (served === undefined) return undefined;
  const relay = await Relay.open(served.port);
  return {
    host: `localhost:${relay.port}`,
    traffic: () => relay.traffic(),
    [Symbol.dispose]: () => {
      relay.close();
      served[Symbol.dispose]();
    },
  };
}

interface Served extends Disposable {
  port: number;
}

async function dockerRegistry(directory: string): Promise<Served | undefined> {
  return lacksRegistry.length > 0 ? undefined : DockerRegistry.start(directory);
}

async function started(name: string, cache: string, directory: string): Promise<Served | undefined> {
  const port = await freePort();
  const [program = "", ...args] = STARTS[name]?.(cache, directory, port) ?? [];
  if (!existsSync(program)) return undefined;
  const log = openSync(`${directory}.log`, "w");
  const child = spawn(program, args, { stdio: ["ignore", log, log] });
  while (!(await answers(port)))
    if (child.exitCode !== null) throw new Error(`${name} has ended: see ${directory}.log`);
  return { port, [Symbol.dispose]: () => void child.kill("SIGKILL") };
}

async function freePort(): Promise<number> {
  const server = createSocketServer();
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "localhost" });
    socket.once("connect", () => resolve(true)).once("error", () => setTimeout(resolve, 100, false));
    socket.once("connect", () => socket.destroy());
  });
}

/** Passes requests on with all their headers; `Host` stays, so that locations name the relay. */
class Relay {
  readonly #target: number;
  readonly #server = createServer((from, to) => this.#pass(from, to));
  #traffic: Traffic = { requests: 0, sent: 0, received: 0 };

  private constructor(target: number) {
    this.#target = target;
  }

  static async open(target: number): Promise<Relay> {
    const relay = new Relay(target);
    await new Promise<void>((resolve) => relay.#server.listen(0, "localhost", resolve));
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  traffic(): Traffic {
    const traffic = this.#traffic;
    this.#traffic = { requests: 0, sent: 0, received: 0 };
    return traffic;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #pass(from: IncomingMessage, to: ServerResponse): void {
    this.#traffic.requests++;
    from.on("data", (piece: Buffer) => (this.#traffic.sent += piece.length));
    const { method, url: path, headers } = from;
    const onward = request({ port: this.#target, host: "localhost", method, path, headers }, (answer) => {
      answer.on("data", (piece: Buffer) => (this.#traffic.received += piece.length));
      to.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(to);
    });
    onward.on("error", () => to.destroy());
    from.pipe(onward);
  }
}
