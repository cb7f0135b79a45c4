import { type ChildProcess, spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { Socket } from "node:net";
import { libc } from "../mount/libc.ts";
import { DaemonError, type ReportedError, type ServerReport } from "./report.ts";

/**
 * The supervisor's end of a process that runs serveSupervised(). The two talk over a pair of sockets: the server says
 * how far it is, in lines of JSON, and is given the device when it can serve.
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

  /**
   * @param argv program and arguments
   * @param memory descriptor of a SharedRequest
   */
  constructor(argv: readonly string[], memory: number) {
    const [ours, theirs] = libc().socketpair();
    this.#control = ours;
    // In a session of its own: signals from a terminal concern the supervisor.
    this.#child = spawn(process.execPath, [...process.execArgv, ...argv], {
      detached: true,
      stdio: ["ignore", "ignore", "inherit", theirs, memory],
    });
    closeSync(theirs);
    this.#socket = new Socket({ fd: ours, writable: false });
    // ECONNRESET: it died before it took the device.
    this.#socket.on("error", () => undefined);

    const opened = Promise.withResolvers<void>();
    const ready = Promise.withResolvers<void>();
    this.opened = opened.promise;
    this.ready = ready.promise;
    // Not everyone waits for both.
    for (const promise of [this.opened, this.ready]) promise.catch(() => undefined);
    const hear = (report: ServerReport): void => {
      if ("error" in report) this.#error = report.error;
      else if ("ready" in report) ready.resolve();
      else opened.resolve();
    };
    let text = "";
    this.#socket.setEncoding("utf8").on("data", (part: string) => {
      const lines = (text + part).split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) hear(JSON.parse(line) as ServerReport);
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

  /** Lets it serve; without effect if it is dead. */
  give(device: number): void {
    // Once destroyed, the number may be another descriptor's.
    if (this.#socket.destroyed) return;
    try {
      libc().sendDescriptor(this.#control, device);
    } catch {
      // It died just now, as `ended` will say.
    }
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

/** How a process died; undefined if it ended well. */
function exitOf(child: ChildProcess): Promise<string | undefined> {
  return new Promise((settle) => {
    child.once("error", (error) => settle(error.message));
    child.once("exit", (code, signal) => settle(code === 0 ? undefined : (signal ?? `exit code ${code}`)));
  });
}
