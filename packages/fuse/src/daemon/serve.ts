import { Socket } from "node:net";
import { becomeOpaque, dup2, escapeText, messageOf, receiveDescriptor } from "@puzzlefs/linux";
import { Device } from "../device.ts";
import type { MountableTree } from "../operations/mountable.ts";
import { Session, type SessionOptions } from "../session.ts";
import { confine } from "./confine.ts";
import { limitHeapGrowth } from "./heap-growth.ts";
import { logTo } from "./log.ts";
import type { Log } from "./log-level.ts";
import {
  CONTROL_DESCRIPTOR,
  KEPT_DESCRIPTOR,
  LOG_DESCRIPTOR,
  MEMORY_DESCRIPTOR,
  report,
  reportError,
  REQUEST_DESCRIPTOR,
  RESOURCE_DESCRIPTOR,
  UNMOUNTER_DESCRIPTOR,
} from "./report.ts";
import type { ServerOrder } from "./server-order.ts";
import { SharedRequest } from "./shared-request.ts";
import { cannotUnmount, requestUnmount, watchSignals } from "./signals.ts";
import { Supervisor } from "./supervisor.ts";

/** The part of serve() that the program provides. */
export interface ServerProgram {
  /** Opens the tree, from RESOURCE_DESCRIPTOR or by the program's arguments. */
  openTree(): MountableTree;
  /** Keeps what the tree is opened from, for a supervisor, which opens no tree, from being removed. */
  hold?(): Disposable;
  /** Node's arguments that start the program with another order. */
  argv(order: ServerOrder): readonly string[];
}

/**
 * Runs a process behind a mount until the file system is unmounted. Errors before the mount is usable are
 * reported to the process that started it, later ones are logged; the exit code is 1 then.
 */
export async function serve(order: ServerOrder, program: ServerProgram): Promise<void> {
  const { fsname, shownAt, role } = order;
  process.title = escapeText(`puzzlefs ${role === "supervised" ? "serve" : "mount"} ${fsname} ${shownAt}`);
  const log = logTo({ kind: order.log, descriptor: LOG_DESCRIPTOR });
  try {
    await (role === "supervisor" ? supervise(order, program, log) : serveTree(order, program, log));
    if (role !== "supervised") log("info", `${shownAt} unmounted`);
  } catch (error) {
    log("error", messageOf(error));
    report({ error: reportError(error) });
    process.exitCode = 1;
  }
}

async function serveTree(order: ServerOrder, program: ServerProgram, log: Log): Promise<void> {
  let tree: MountableTree;
  try {
    tree = program.openTree();
  } catch (error) {
    report({ error: reportError(error) });
    process.exitCode = 1;
    return;
  }
  try {
    limitHeapGrowth();
    report({ opened: true });
    const device = receiveDescriptor(CONTROL_DESCRIPTOR);
    // Without a device: the starter died or could not mount.
    if (device === undefined) return;
    confine(order.confined ? RESOURCE_DESCRIPTOR : undefined, log);
    await serveDevice(order, device, tree, log);
  } finally {
    tree.close();
  }
}

async function serveDevice(order: ServerOrder, device: number, tree: MountableTree, log: Log): Promise<void> {
  const session = new Session(new Device(device), tree, sessionOptions(order, log));
  let stopWatching: () => void = () => undefined;
  const watch = (): void => {
    stopWatching = watchSignals(unmounting(order), log);
  };
  // Under supervision a signal ends the process, and another takes over.
  if (order.role === "alone") watch();
  const starter = whenStarterEnds(() => {
    if (order.role === "alone") return;
    log("error", "the supervisor died; serving without");
    watch();
  });
  // The kernel sends INIT to the first server only, not to its successors.
  session.ready.then(
    () => {
      keepDumps(order);
      report({ ready: true });
    },
    () => undefined,
  );
  session.start();
  try {
    await session.ended;
  } finally {
    stopWatching();
    starter.removeAllListeners("close").destroy();
  }
}

async function supervise(order: ServerOrder, program: ServerProgram, log: Log): Promise<void> {
  using _ = program.hold?.();
  becomeOpaque();
  // There is no /dev/null below this root directory; standard input, output and error are open on it already.
  const inherited = [0, 1, 2, LOG_DESCRIPTOR, ...(order.hasUnmounter ? [UNMOUNTER_DESCRIPTOR] : [])];
  if (order.hasResource) inherited.push(RESOURCE_DESCRIPTOR);
  if (order.hasKept) inherited.push(KEPT_DESCRIPTOR);
  if (order.hasRequests) inherited.push(REQUEST_DESCRIPTOR);
  const argv = program.argv({ ...order, role: "supervised" });
  const descriptors = new Map(inherited.map((number) => [number, number]));
  const supervisor = new Supervisor({ node: order.node, argv, descriptors }, log);
  const kill = (): void => supervisor.kill();
  try {
    await supervisor.opened;
    report({ opened: true });
    const device = receiveDescriptor(CONTROL_DESCRIPTOR);
    if (device === undefined) return kill();
    const stopWatching = watchSignals(unmounting(order), log, kill);
    try {
      await supervisor.begin(device);
      keepDumps(order);
      report({ ready: true });
      await supervisor.watch(device);
    } finally {
      stopWatching();
    }
  } catch (error) {
    kill();
    throw error;
  }
}

function unmounting({ hasUnmounter }: ServerOrder): () => Promise<void> {
  return hasUnmounter ? () => requestUnmount(UNMOUNTER_DESCRIPTOR) : cannotUnmount;
}

function sessionOptions(order: ServerOrder, log: Log): SessionOptions {
  const { uid, gid, debug, role, inInitialUserNamespace, overlayMounter } = order;
  const memory = role === "supervised" ? { requestMemory: new SharedRequest(MEMORY_DESCRIPTOR) } : {};
  const trace = debug ? { trace: (line: string) => log("debug", line) } : {};
  const overlay = overlayMounter === undefined ? {} : { overlayMounter };
  return { owner: { uid, gid }, log, inInitialUserNamespace, ...overlay, ...memory, ...trace };
}

/** Makes the log file, if there is one, the stderr that Node writes to when it crashes. */
function keepDumps({ log }: ServerOrder): void {
  if (log === "file") dup2(LOG_DESCRIPTOR, 2);
}

/** Calls back when the process that started this one closes its socket, or dies. */
function whenStarterEnds(callback: () => void): Socket {
  const starter = new Socket({ fd: CONTROL_DESCRIPTOR, writable: false });
  starter.on("error", () => undefined);
  starter.once("close", callback);
  starter.resume().unref();
  return starter;
}
