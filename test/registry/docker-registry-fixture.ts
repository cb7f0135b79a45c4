import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "@puzzlefs/testing";
import { cache, missing, run } from "../support/programs.ts";

const system = join(cache, "trees/recipes/root");
const loader = join(system, "lib64/ld-linux-x86-64.so.2");
const program = join(system, "usr/bin/docker-registry");

/** What is missing here to run it. */
export const lacksRegistry = missing(loader, program);

const LIBRARIES = ["--library-path", join(system, "usr/lib/x86_64-linux-gnu")];

/** Removes what no tag names from the storage of a registry that was started with this directory. */
export function collectGarbage(directory: string): void {
  const file = join(directory, "config.yml");
  run(loader, [...LIBRARIES, program, "garbage-collect", "--delete-untagged", file], { env: {} });
}

/** Debian's docker-registry, with the libraries of its own Debian. */
export class DockerRegistry implements Disposable {
  readonly #server: ChildProcess;
  readonly port: number;

  private constructor(server: ChildProcess, port: number) {
    this.#server = server;
    this.port = port;
  }

  /**
   * Starts it on localhost, at any port.
   *
   * @param directory for its configuration and its blobs
   * @param configuration beside version, log and storage
   */
  static async start(directory: string, configuration: { http?: object; auth?: object } = {}): Promise<DockerRegistry> {
    const { http = {}, ...more } = configuration;
    const storage = { filesystem: { rootdirectory: join(directory, "registry") } };
    const file = join(directory, "config.yml");
    // JSON is YAML.
    const all = { version: "0.1", log: { fields: {} }, storage, http: { addr: "localhost:0", ...http }, ...more };
    writeFileSync(file, JSON.stringify(all));
    const argv = [...LIBRARIES, program, "serve", file];
    const server = spawn(loader, argv, { stdio: ["ignore", "ignore", "pipe"], env: {} });
    let log = "";
    let port: string | undefined;
    server.stderr.on("data", (piece: Buffer) => {
      if (port !== undefined) return;
      log += piece.toString();
      port = /listening on [^ ]*:(\d+)[,"]/.exec(log)?.[1];
    });
    await eventually(() => port !== undefined || server.exitCode !== null);
    if (port === undefined) throw new Error(`docker-registry ended: ${log}`);
    return new DockerRegistry(server, Number(port));
  }

  [Symbol.dispose](): void {
    this.#server.kill("SIGKILL");
  }
}
