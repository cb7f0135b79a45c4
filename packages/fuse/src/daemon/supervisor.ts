import { closeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "./log-level.ts";
import { MEMORY_DESCRIPTOR } from "./report.ts";
import { RestartPolicy } from "./restart-policy.ts";
import { ServerProcess, type ServerStart } from "./server-process.ts";
import { SharedRequest } from "./shared-request.ts";

/** Replays of a request after which it is answered with EIO: it kills the servers. */
export const MOST_REPLAYS = 2;

/** Every server dies soon after its start. The connection is closed, and users get ENOTCONN. */
export class CrashLoopError extends Error {
  override readonly name = "CrashLoopError";
}

/**
 * Keeps a mount alive across the deaths of the processes that serve it. It holds the device, so the kernel does not end
 * the connection, and the memory of the request that is being answered, which the next server answers first. Node ids
 * are inode numbers, so there is nothing else to hand over. All descriptors that a server inherits were opened before.
 */
export class Supervisor {
  readonly #start: ServerStart;
  readonly #log: Log;
  readonly #memory = SharedRequest.create();
  readonly #request = new SharedRequest(this.#memory);
  readonly #policy = new RestartPolicy();
  #server: ServerProcess;

  /** Starts the first server. Each is started alike, and gets the memory of the request in addition. */
  constructor(start: ServerStart, log: Log) {
    this.#start = { ...start, descriptors: new Map([...start.descriptors, [MEMORY_DESCRIPTOR, this.#memory]]) };
    this.#log = log;
    this.#server = new ServerProcess(this.#start);
  }

  /** Settles when the server has opened the tree, so that there is something to mount. Rejected with DaemonError. */
  get opened(): Promise<void> {
    return this.#server.opened;
  }

  /** Lets the server serve `device`, and settles when the mount is usable. Rejected with DaemonError. */
  async begin(device: number): Promise<void> {
    this.#server.sendDevice(device);
    await this.#server.ready;
  }

  /** Replaces the servers that die. Settles when the file system is unmounted; rejected with CrashLoopError. */
  async watch(device: number): Promise<void> {
    try {
      for (;;) {
        const before = this.#request.progress;
        const how = await this.#server.ended;
        if (how === undefined) return;
        await this.#replace(device, how, before);
      }
    } finally {
      closeSync(device);
      closeSync(this.#memory);
    }
  }

  /** Kills the server. */
  kill(): void {
    this.#server.kill();
  }

  /** @param before the progress of requests when the dead server began */
  async #replace(device: number, how: string, before: string): Promise<void> {
    const { pid, started } = this.#server;
    const request = this.#request;
    if (request.outstanding && request.replays >= MOST_REPLAYS) {
      this.#log("error", `${request.title}: ${MOST_REPLAYS + 1} processes died of it, so it gets EIO`);
      request.refuse(device);
    }
    const pause = this.#policy.afterDeath(started, performance.now(), request.progress !== before);
    if (pause === undefined) {
      throw new CrashLoopError(
        `every process that serves the mount dies at once, the last one (${pid}) by: ${how}; giving up`,
      );
    }
    const when = pause === 0 ? "" : ` in ${pause} ms`;
    this.#log("error", `the process that serves the mount (${pid}) died: ${how}; another takes over${when}`);
    await sleep(pause);
    const server = new ServerProcess(this.#start);
    this.#server = server;
    // Rejected if it dies before that, which watch() handles.
    server.opened.then(
      () => server.sendDevice(device),
      () => undefined,
    );
  }
}
