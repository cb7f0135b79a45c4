import { closeSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { mount } from "../mount/mount.ts";
import type { MountOptions } from "../mount/options.ts";
import type { Negotiated } from "../operations/negotiation.ts";
import type { Log } from "./log.ts";
import { DaemonError, type MountRequest, type ReportedError, reportError, type SessionThreadData } from "./request.ts";
import type { FromSession, ToSession } from "./session-thread.ts";

/** A thread that answers requests, seen from the main thread. */
interface SessionThread {
  /** The tree is open. */
  opened: Promise<void>;
  /** INIT was answered, by the first thread. */
  ready: Promise<Negotiated>;
  /** Unmounted; rejected if the thread fails. */
  ended: Promise<void>;
  serve(device: number, negotiate: boolean): void;
  /** Ends a thread that does not serve yet. */
  dismiss(): void;
}

/** A mounted file system with its session threads. */
export interface Connection {
  mountpoint: string;
  negotiated: Negotiated;
  /** Settles when the file system is unmounted and its last user gone; rejected if a session thread fails. */
  ended: Promise<void>;
}

/**
 * Opens the tree, mounts, and resolves once the kernel has its INIT answered. The tree comes first: a broken image
 * fails before anything is mounted.
 */
export async function connect(
  request: MountRequest,
  mountpoint: string,
  options: MountOptions,
  log: Log,
): Promise<Connection> {
  const data: SessionThreadData = {
    role: "puzzlefs-fuse-session",
    argument: request.argument,
    owner: { uid: options.uid, gid: options.gid },
    debug: request.debug === true,
  };
  const first = startSessionThread(request.entry, data, log);
  await first.opened;
  let device: number;
  try {
    device = mount(mountpoint, options);
  } catch (error) {
    first.dismiss();
    throw error;
  }
  first.serve(device, true);
  const negotiated = await first.ready;

  const others: Promise<void>[] = [];
  for (let count = 1; count < (request.threads ?? 1); count++) others.push(join(request.entry, data, log, device));
  const ended = Promise.all([first.ended, ...others]).then(() => closeSync(device));
  return { mountpoint, negotiated, ended };
}

async function join(entry: URL, data: SessionThreadData, log: Log, device: number): Promise<void> {
  const thread = startSessionThread(entry, data, log);
  await thread.opened;
  thread.serve(device, false);
  return thread.ended;
}

function startSessionThread(entry: URL, data: SessionThreadData, log: Log): SessionThread {
  const opened = Promise.withResolvers<void>();
  const ready = Promise.withResolvers<Negotiated>();
  const ended = Promise.withResolvers<void>();
  const worker = new Worker(entry, { workerData: data });
  const fail = (error: ReportedError): void => {
    for (const step of [opened, ready, ended]) step.reject(new DaemonError(error));
  };
  // Whoever awaits one of these hears of the failure; the others need not.
  for (const { promise } of [opened, ready, ended]) promise.catch(() => undefined);
  worker.on("message", (message: FromSession) => {
    switch (message.kind) {
      case "opened":
        return opened.resolve();
      case "ready":
        return ready.resolve(message.negotiated);
      case "ended":
        return ended.resolve();
      case "failed":
        return fail(message.error);
      case "log":
        return log(message.level, message.message);
    }
  });
  worker.on("error", (error) => fail(reportError(error)));
  worker.on("exit", (code) => fail({ name: "Error", message: `the session thread ended unexpectedly (${code})` }));
  return {
    opened: opened.promise,
    ready: ready.promise,
    ended: ended.promise,
    serve: (device, negotiate) => worker.postMessage({ device, negotiate } satisfies ToSession),
    dismiss: () => void worker.terminate(),
  };
}
