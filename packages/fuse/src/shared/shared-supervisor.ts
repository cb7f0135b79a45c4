import { setTimeout as sleep } from "node:timers/promises";
import { accept, close, peerUser, watch } from "@puzzlefs/linux";
import type { Log } from "../daemon/log-level.ts";
import { MEMORY_DESCRIPTOR, reportError } from "../daemon/report.ts";
import { RestartPolicy } from "../daemon/restart-policy.ts";
import { SharedRequest } from "../daemon/shared-request.ts";
import type { ServerStart } from "../daemon/server-process.ts";
import { CrashLoopError, MOST_REPLAYS } from "../daemon/supervisor.ts";
import { Connection } from "./connection.ts";
import { diedEarly, KeptMount } from "./kept-mount.ts";
import { clientMessage, type ClientMessage, type MountOrder, type MountReport, mountReport } from "./protocol.ts";
import { SharedProcess } from "./shared-process.ts";

export interface SharedSupervisorOptions {
  start: ServerStart;
  /** Where further commands connect. */
  listener: number;
  /** The connection of the command that started this process. */
  first: number;
  /** Keeps what a tree is opened from, between two servers. */
  hold: (image: unknown) => Disposable | undefined;
  log: Log;
}

/**
 * Keeps the mounts of a shared server alive across the deaths of the processes that serve them: it holds their devices, and the
 * memory of the one request that is being answered. It opens no image. It ends when the last mount is gone.
 */
export class SharedSupervisor {
  readonly #options: SharedSupervisorOptions;
  readonly #start: ServerStart;
  readonly #memory = SharedRequest.create();
  readonly #request = new SharedRequest(this.#memory);
  readonly #policy = new RestartPolicy();
  readonly #mounts = new Map<number, KeptMount>();
  readonly #clients = new Set<Connection>();
  readonly #ended = Promise.withResolvers<void>();
  #accepting: { close(): void } | undefined;
  #server: SharedProcess | undefined;
  #numbers = 0;
  #isOver = false;
  /** The last request and whether it was answered, when the present server began. */
  #before = "";

  constructor(options: SharedSupervisorOptions) {
    this.#options = options;
    const descriptors = new Map([...options.start.descriptors, [MEMORY_DESCRIPTOR, this.#memory]]);
    this.#start = { ...options.start, descriptors };
    this.#startServer();
    this.#join(options.first);
    this.#accepting = watch(options.listener, () => this.#accept());
  }

  /** Settles when the last mount is gone. Rejected with CrashLoopError. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Device numbers of the mounts as users see them. */
  get shown(): string[] {
    return [...this.#mounts.values()].flatMap(({ shown }) => shown ?? []);
  }

  /** Accepts no further command: the next one starts another server. */
  stopAccepting(): void {
    if (this.#accepting === undefined) return;
    this.#accepting.close();
    this.#accepting = undefined;
    // Those that wait find their connection closed, and start another server as well.
    close(this.#options.listener);
  }

  kill(): void {
    this.#server?.kill();
  }

  #accept(): void {
    for (let socket = accept(this.#options.listener); socket !== undefined; socket = accept(this.#options.listener)) {
      if (peerUser(socket) === process.geteuid?.()) this.#join(socket);
      else close(socket);
    }
  }

  #join(socket: number): void {
    let mount: KeptMount | undefined;
    const client: Connection = new Connection(socket, {
      message: (fields, descriptors) => {
        const message = clientMessage(fields);
        if (message !== undefined && "open" in message && mount === undefined)
          mount = this.#begin(client, message.open, descriptors);
        else if (message !== undefined && mount !== undefined) this.#follow(mount, message, descriptors);
        else for (const descriptor of descriptors) close(descriptor);
      },
      closed: () => {
        this.#clients.delete(client);
        // The command ended before it had mounted. A mount with a device ends by unmounting.
        if (mount !== undefined && mount.device === undefined) this.#drop(mount);
        this.#endIfUnused();
      },
    });
    this.#clients.add(client);
  }

  #begin(client: Connection, order: MountOrder, descriptors: number[]): KeptMount | undefined {
    try {
      if (descriptors.length !== Number(order.hasLog) + Number(order.hasKept))
        throw new Error("descriptors are missing");
      const held = this.#options.hold(order.image);
      const number = ++this.#numbers;
      const mount = new KeptMount(number, order, client, { descriptors, held, systemLog: this.#options.log });
      this.#mounts.set(number, mount);
      this.#send(mount);
      return mount;
    } catch (error) {
      for (const descriptor of descriptors) close(descriptor);
      client.send({ error: reportError(error) });
      return undefined;
    }
  }

  #follow(mount: KeptMount, message: ClientMessage, descriptors: readonly number[]): void {
    const [device, ...others] = descriptors;
    if ("device" in message && device !== undefined && mount.state === "opened" && others.length === 0) {
      mount.device = device;
      mount.state = "starting";
      if (mount.openIn !== this.#server) return this.#send(mount);
      this.#server?.connection.send({ mount: mount.number, device: true }, [device]);
      return;
    }
    for (const descriptor of descriptors) close(descriptor);
    if ("complete" in message) mount.shown = message.complete;
  }

  /** Sends a mount to the present server, as soon as there is room for the message. */
  #send(mount: KeptMount): void {
    const { number, order, facts } = mount;
    // Of an opened one without a device, the next server need not know yet.
    if (this.#server === undefined || (mount.state === "opened" && mount.device === undefined)) return;
    if (mount.state === "opening") mount.countOpening();
    this.#server.connection.sendLater(() => {
      if (this.#mounts.get(number) !== mount) return undefined;
      if (mount.device !== undefined)
        return { message: { mount: number, take: order, facts }, descriptors: [mount.device, ...mount.descriptors] };
      return { message: { mount: number, open: order }, descriptors: mount.descriptors };
    });
  }

  #receive(report: MountReport): void {
    const mount = this.#mounts.get(report.mount);
    if (mount === undefined) return;
    if ("opened" in report && mount.state === "opening") {
      mount.state = "opened";
      mount.openIn = this.#server;
      mount.facts = report.opened;
      mount.report({ opened: true });
    } else if ("ready" in report && mount.state === "starting") {
      mount.state = "ready";
      mount.report({ ready: true });
    } else if ("error" in report && mount.device === undefined) {
      this.#mounts.delete(mount.number);
      mount.fail(report.error);
    } else if ("ended" in report) {
      this.#mounts.delete(mount.number);
      if (mount.state === "ready") mount.close();
      else mount.fail(diedEarly("unmounted"));
      this.#endIfUnused();
    }
  }

  #drop(mount: KeptMount): void {
    if (!this.#mounts.delete(mount.number)) return;
    this.#server?.connection.send({ mount: mount.number, drop: true });
    mount.close();
  }

  #endIfUnused(): void {
    if (this.#isOver || this.#mounts.size > 0 || this.#clients.size > 0) return;
    this.#isOver = true;
    this.stopAccepting();
    this.#server?.connection.close();
    this.#ended.resolve();
  }

  #startServer(): void {
    this.#before = this.#request.progress;
    const server: SharedProcess = new SharedProcess(this.#start, (message) => {
      const report = mountReport(message);
      if (report !== undefined && server === this.#server) this.#receive(report);
    });
    this.#server = server;
    void server.ended.then((how) => (this.#isOver ? undefined : this.#replace(server, how ?? "exit code 0")));
  }

  async #replace(dead: SharedProcess, how: string): Promise<void> {
    dead.connection.close();
    this.#server = undefined;
    const starting = this.#failStarting(how);
    this.#refuseDeadly();
    const worked = starting || this.#request.progress !== this.#before;
    const pause = this.#policy.afterDeath(dead.started, performance.now(), worked);
    if (pause === undefined) return this.#giveUp(dead.pid, how);
    const when = pause === 0 ? "" : ` in ${pause} ms`;
    this.#logAll(`the process that serves the mount (${dead.pid}) died: ${how}; another takes over${when}`);
    await sleep(pause);
    if (this.#isOver) return;
    this.#startServer();
    // The request that was not answered has to be, before the next server reads another into its memory.
    const byReader = (mount: KeptMount): number => (mount.number === this.#request.reader ? 0 : 1);
    for (const mount of [...this.#mounts.values()].toSorted((a, b) => byReader(a) - byReader(b))) this.#send(mount);
    this.#endIfUnused();
  }

  /** Ends what was only begun, unless it may be tried again. Returns whether the server died of such a mount, perhaps. */
  #failStarting(how: string): boolean {
    const begun = [...this.#mounts.values()].filter(({ state }) => state === "opening" || state === "starting");
    for (const mount of begun) {
      if (mount.state === "opening" && mount.mayOpenAgain) continue;
      this.#mounts.delete(mount.number);
      mount.fail(diedEarly(how));
    }
    return begun.length > 0;
  }

  #refuseDeadly(): void {
    const request = this.#request;
    if (!request.outstanding) return;
    const device = this.#mounts.get(request.reader)?.device;
    // The mount is gone.
    if (device === undefined) return request.forget();
    if (request.replays < MOST_REPLAYS) return;
    this.#logAll(`${request.title}: ${MOST_REPLAYS + 1} processes died of it, so it gets EIO`);
    request.refuse(device);
  }

  #giveUp(pid: number, how: string): void {
    const error = new CrashLoopError(
      `every process that serves the mount dies at once, the last one (${pid}) by: ${how}; giving up`,
    );
    this.#logAll(error.message);
    for (const mount of this.#mounts.values()) mount.fail(reportError(error));
    this.#mounts.clear();
    this.#isOver = true;
    this.stopAccepting();
    this.#ended.reject(error);
  }

  /** In the log of each mount. */
  #logAll(message: string): void {
    const logs = new Set([this.#options.log, ...[...this.#mounts.values()].map(({ log }) => log)]);
    for (const log of logs) log("error", message);
  }
}
