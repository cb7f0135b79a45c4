import { becomeOpaque, escapeText, messageOf } from "@puzzlefs/linux";
import { logTo } from "../daemon/log.ts";
import type { Log } from "../daemon/log-level.ts";
import {
  CONTROL_DESCRIPTOR,
  LISTENER_DESCRIPTOR,
  LOG_DESCRIPTOR,
  RESOURCE_DESCRIPTOR,
  UNMOUNTER_DESCRIPTOR,
} from "../daemon/report.ts";
import { cannotUnmount, requestUnmount, watchSignals } from "../daemon/signals.ts";
import { MountServer } from "./mount-server.ts";
import type { OpenedTree } from "./opened-tree.ts";
import { SharedSupervisor } from "./shared-supervisor.ts";

/** The settings of the processes of a shared server, as JSON in their arguments. They inherit everything else as descriptors. */
export interface SharedOrder {
  role: "supervisor" | "server";
  /** What they serve, for their titles. */
  title: string;
  /** RESOURCE_DESCRIPTOR is a mount at no path: it becomes the root directory of the process that serves. */
  confined: boolean;
  hasUnmounter: boolean;
  /** Path of Node. */
  node: string;
}

/** The part of serveShared() that the program provides. */
export interface SharedProgram {
  /** Opens a tree from RESOURCE_DESCRIPTOR, by the member `image` of a MountOrder. */
  openTree(image: unknown): OpenedTree;
  /** Keeps what the tree is opened from, for the supervisor, which opens no tree, from being removed. */
  hold?(image: unknown): Disposable;
  /** Node's arguments that start the program with another order. */
  argv(order: SharedOrder): readonly string[];
}

/** Runs a process of a shared server until its last mount is gone. Errors are logged; the exit code is 1 then. */
export async function serveShared(order: SharedOrder, program: SharedProgram): Promise<void> {
  process.title = escapeText(`puzzlefs ${order.role === "supervisor" ? "share" : "serve"} ${order.title}`);
  const log = logTo({ kind: "system", descriptor: LOG_DESCRIPTOR });
  try {
    if (order.role === "supervisor") await supervise(order, program, log);
    else await new MountServer((image) => program.openTree(image), order.confined, log).ended;
  } catch (error) {
    log("error", messageOf(error));
    process.exitCode = 1;
  }
}

async function supervise(order: SharedOrder, program: SharedProgram, log: Log): Promise<void> {
  becomeOpaque();
  // There is no /dev/null below this root directory; standard input, output and error are open on it already.
  const inherited = [0, 1, 2, LOG_DESCRIPTOR, RESOURCE_DESCRIPTOR];
  const supervisor = new SharedSupervisor({
    start: {
      node: order.node,
      argv: program.argv({ ...order, role: "server" }),
      descriptors: new Map(inherited.map((number) => [number, number])),
    },
    listener: LISTENER_DESCRIPTOR,
    first: CONTROL_DESCRIPTOR,
    hold: (image) => program.hold?.(image),
    log,
  });
  const unmount = (): Promise<void> => {
    supervisor.stopAccepting();
    return order.hasUnmounter ? requestUnmount(UNMOUNTER_DESCRIPTOR, supervisor.shown.join(" ")) : cannotUnmount();
  };
  const stopWatching = watchSignals(unmount, log, () => supervisor.kill());
  try {
    await supervisor.ended;
  } finally {
    stopWatching();
  }
}
