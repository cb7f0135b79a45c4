import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, constants, readlinkSync } from "node:fs";
import { Socket } from "node:net";
import {
  CAP_DAC_OVERRIDE,
  CAP_SYS_CHROOT,
  FileStatus,
  keepDescriptorsFromChildren,
  messageOf,
  sendDescriptor,
  socketpair,
  withCapabilities,
  withMountNamespace,
  withRoot,
} from "@puzzlefs/linux";
import { CONTROL_DESCRIPTOR, DaemonError, type ReportedError, type ServerReport } from "./report.ts";

/** A server's environment: the directory of compiled code, which halves its start, and the time zone. */
function environment(): Record<string, string> {
  const { NODE_COMPILE_CACHE: cache } = process.env;
  const zone = timeZone();
  return { ...(cache !== undefined && { NODE_COMPILE_CACHE: cache }), ...(zone !== undefined && { TZ: zone }) };
}

/** The name of the system's time zone, for times in the system log: the root directory of a server has no /etc. */
function timeZone(): string | undefined {
  try {
    return /\/zoneinfo\/([\w+/-]{1,64})$/.exec(readlinkSync("/etc/localtime"))?.[1];
  } catch {
    // A file, or none: UTC.
    return undefined;
  }
}

/** How a process behind a mount is started. */
export interface ServerStart {
  /** The directory tree or mount namespace in which Node is started, from buildRuntime(); undefined: this process's own root directory. */
  root?: number | undefined;
  /** Path of Node there. */
  node: string;
  /** Node's arguments: a program that calls serve(). */
  argv: readonly string[];
  /**
   * Descriptors that it inherits, by their numbers there, and no others. Standard input, output and error must not be
   * open files of the caller: Node changes their flags. With a root of its own they must be here: it has no /dev/null.
   */
  descriptors: ReadonlyMap<number, number>;
}

/**
 * The starter's end of a process behind a mount. The two talk over a pair of sockets: the server reports how far it is,
 * in lines of JSON, and is sent the device when it can serve. It parses untrusted bytes, so it never has more privileges
 * than serving needs: to read a store of other users, and to change its root directory to it.
 */
export class ServerProcess {
  readonly started = performance.now();
  /** Settles when the tree is open. Rejected with DaemonError: the server's own error, or how it died. */
  readonly opened: Promise<void>;
  /** Settles when INIT is answered, which the kernel asks of the first server only. Rejected likewise. */
  readonly ready: Promise<void>;
  /** Why it died; undefined if it ended because the file system is unmounted. */
  readonly ended: Promise<string | undefined>;
  readonly #child: ChildProcess;
  readonly #control: number;
  readonly #socket: Socket;
  #error: ReportedError | undefined;

  constructor({ root, node, argv, descriptors }: ServerStart) {
    const [ours, theirs] = socketpair();
    this.#control = ours;
    this.#child = spawnServer({ root, node, argv, descriptors }, theirs);
    closeSync(theirs);
    this.#socket = new Socket({ fd: ours, writable: false });
    // ECONNRESET: it died before it took the device.
    this.#socket.on("error", () => undefined);

    const opened = Promise.withResolvers<void>();
    const ready = Promise.withResolvers<void>();
    this.opened = opened.promise;
    this.ready = ready.promise;
    // Not every caller waits for both.
    for (const promise of [this.opened, this.ready]) promise.catch(() => undefined);
    const receive = (report: ServerReport): void => {
      if ("error" in report) this.#error = report.error;
      else if ("ready" in report) ready.resolve();
      else opened.resolve();
    };
    let text = "";
    this.#socket.setEncoding("utf8").on("data", (part: string) => {
      const lines = (text + part).split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) receive(JSON.parse(line) as ServerReport);
    });
    const silent = new Promise((settle) => this.#socket.once("close", settle));
    this.ended = Promise.all([exitOf(this.#child), silent]).then(([how]) => {
      const early = `the process that serves died before the mount was complete: ${how ?? "unmounted"}`;
      const error = new DaemonError(this.#error ?? { name: "Error", message: early });
      opened.reject(error);
      ready.reject(error);
      return this.#error?.message ?? how;
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Sends it the device to serve; without effect if it is dead. */
  sendDevice(device: number): void {
    // After destroy(), another file may have the descriptor's number.
    if (this.#socket.destroyed) return;
    try {
      sendDescriptor(this.#control, device);
    } catch {
      // It has died: `ended` has the reason.
    }
  }

  /** Stops waiting for it: it goes on serving, and this process may end. */
  release(): void {
    this.#socket.destroy();
    this.#child.unref();
  }

  kill(signal: NodeJS.Signals = "SIGKILL"): void {
    this.#child.kill(signal);
  }
}

/** Starts the process, with no more privileges than serving needs. `control` is its CONTROL_DESCRIPTOR. */
export function spawnServer({ root, node, argv, descriptors }: ServerStart, control: number): ChildProcess {
  const own = new Map([[CONTROL_DESCRIPTOR, control], ...descriptors]);
  const inherited = Array.from({ length: 1 + Math.max(...own.keys()) }, (_, number) => own.get(number) ?? "ignore");
  keepDescriptorsFromChildren();
  const start = (): ChildProcess =>
    spawn(node, [...process.execArgv, ...argv], {
      // A session of its own: signals from a terminal concern the process that started it.
      detached: true,
      cwd: "/",
      env: environment(),
      stdio: inherited,
    });
  const restricted = (started: () => ChildProcess): ChildProcess =>
    withCapabilities([CAP_DAC_OVERRIDE, CAP_SYS_CHROOT], started);
  if (root === undefined) return restricted(start);
  if (isDirectory(root)) return restricted(() => withRoot(root, start));
  return withMountNamespace(root, () => restricted(start));
}

function isDirectory(descriptor: number): boolean {
  const status = new FileStatus();
  status.readDescriptor(descriptor);
  return status.type === constants.S_IFDIR;
}

/** The signal or exit code of a process; undefined for exit code 0. */
export function exitOf(child: ChildProcess): Promise<string | undefined> {
  return new Promise((settle) => {
    child.once("error", (error) => settle(messageOf(error)));
    child.once("exit", (code, signal) => settle(code === 0 ? undefined : (signal ?? `exit code ${code}`)));
  });
}
