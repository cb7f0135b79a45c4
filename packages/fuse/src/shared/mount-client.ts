import { close } from "@puzzlefs/linux";
import { DaemonError } from "../daemon/report.ts";
import { Connection } from "./connection.ts";
import { type ClientMessage, type ClientReport, clientReport, type MountOrder } from "./protocol.ts";

/** A command's end of a shared server: asks it for one mount. */
export class MountClient {
  readonly #connection: Connection;
  readonly #ended = Promise.withResolvers<undefined>();
  #waiting = Promise.withResolvers<ClientReport | undefined>();
  #isReady = false;

  /** Takes ownership of `socket`. */
  constructor(socket: number) {
    this.#connection = new Connection(socket, {
      message: (message, descriptors) => {
        for (const descriptor of descriptors) close(descriptor);
        this.#waiting.resolve(clientReport(message));
      },
      closed: () => {
        this.#waiting.resolve(undefined);
        this.#ended.resolve(undefined);
      },
    });
  }

  /** Settles when this command is not connected any more. */
  get ended(): Promise<undefined> {
    return this.#ended.promise;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get isClosed(): boolean {
    return !this.#connection.isOpen;
  }

  /** Has the tree opened. False if the server ended before it did. Rejects with DaemonError, the server's own error. */
  async open(order: MountOrder, descriptors: readonly number[]): Promise<boolean> {
    return (await this.#ask({ open: order }, descriptors)) !== undefined;
  }

  /** Lets the server serve a device; resolves when the mount is usable. Rejects with DaemonError. */
  async serve(device: number): Promise<void> {
    const report = await this.#ask({ device: true }, [device]);
    if (report === undefined) throw new DaemonError({ name: "Error", message: "the supervisor of the server died" });
    this.#isReady = true;
  }

  /** The mount is complete. */
  complete(device: string): void {
    this.#connection.send({ complete: device } satisfies ClientMessage);
  }

  close(): void {
    this.#connection.close();
    this.#ended.resolve(undefined);
  }

  async #ask(message: ClientMessage, descriptors: readonly number[]): Promise<ClientReport | undefined> {
    this.#waiting = Promise.withResolvers();
    if (!this.#connection.isOpen) return undefined;
    this.#connection.send(message, descriptors);
    const report = await this.#waiting.promise;
    if (report !== undefined && "error" in report) throw new DaemonError(report.error);
    return report;
  }
}
