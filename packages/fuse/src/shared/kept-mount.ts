import { close } from "@puzzlefs/linux";
import { logTo } from "../daemon/log.ts";
import type { Log } from "../daemon/log-level.ts";
import type { ReportedError } from "../daemon/report.ts";
import type { Connection } from "./connection.ts";
import type { ClientReport, MountOrder, TreeFacts } from "./protocol.ts";

/** Processes that may die while they open an image for the first time, until the command gets an error. */
const MOST_OPENINGS = 2;

/**
 * A mount as its supervisor keeps it: what the next server needs. `opening`: a server has the order, or will get it; `opened`: the
 * command mounts; `starting`: the kernel waits for the first reply; `ready`: it outlives servers.
 */
export class KeptMount {
  readonly number: number;
  readonly order: MountOrder;
  readonly log: Log;
  state: "opening" | "opened" | "starting" | "ready" = "opening";
  facts: TreeFacts = {};
  /** The process that has the tree open, unless it has died. */
  openIn: object | undefined;
  device: number | undefined;
  /** The device number of what users see, "MAJOR:MINOR". */
  shown: string | undefined;
  /** Of the log file, and what is kept. */
  readonly descriptors: readonly number[];
  readonly #client: Connection;
  readonly #held: Disposable | undefined;
  #openings = 0;

  /** @param systemLog for a mount without a log file */
  constructor(
    number: number,
    order: MountOrder,
    client: Connection,
    given: { descriptors: readonly number[]; held: Disposable | undefined; systemLog: Log },
  ) {
    this.number = number;
    this.order = order;
    this.#client = client;
    this.descriptors = given.descriptors;
    this.#held = given.held;
    this.log = order.hasLog ? logTo({ kind: "file", descriptor: given.descriptors[0] }) : given.systemLog;
  }

  /** Whether the next server gets the order, or too many have died while they had it. */
  get mayOpenAgain(): boolean {
    return this.#openings < MOST_OPENINGS;
  }

  /** A server gets the order. */
  countOpening(): void {
    this.#openings++;
  }

  report(report: ClientReport): void {
    this.#client.send(report);
  }

  fail(error: ReportedError): void {
    this.report({ error });
    this.close();
  }

  close(): void {
    for (const descriptor of this.descriptors) close(descriptor);
    if (this.device !== undefined) close(this.device);
    this.device = undefined;
    this.#held?.[Symbol.dispose]();
  }
}

/** The error of a command whose server died meanwhile. */
export function diedEarly(how: string): ReportedError {
  return { name: "Error", message: `the process that serves died before the mount was complete: ${how}` };
}
