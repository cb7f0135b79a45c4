import type { ChildProcess } from "node:child_process";
import { closeSync } from "node:fs";
import { packetPair } from "@puzzlefs/linux";
import { exitOf, type ServerStart, spawnServer } from "../daemon/server-process.ts";
import { Connection } from "./connection.ts";

/** The supervisor's end of a process that serves the mounts of a shared server. */
export class SharedProcess {
  readonly started = performance.now();
  readonly connection: Connection;
  /** Why it died; undefined for exit code 0. All that it sent has been received then. */
  readonly ended: Promise<string | undefined>;
  readonly #child: ChildProcess;

  constructor(start: ServerStart, receive: (message: Record<string, unknown>) => void) {
    const [ours, theirs] = packetPair();
    this.#child = spawnServer(start, theirs);
    closeSync(theirs);
    const silent = Promise.withResolvers<void>();
    this.connection = new Connection(ours, {
      message: (message, descriptors) => {
        // It has no reason to send any.
        for (const descriptor of descriptors) closeSync(descriptor);
        receive(message);
      },
      // It can be given no mount any more, should it still run.
      closed: () => {
        this.kill();
        silent.resolve();
      },
    });
    this.ended = Promise.all([exitOf(this.#child), silent.promise]).then(([how]) => how);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}
