/**
 * The messages of a shared server, JSON with descriptors. A command sends `open`, and the device when the tree is open; its
 * supervisor passes both on to the process that serves, with the mount's number, and keeps them for the next one.
 */
import type { ReportedError } from "../daemon/report.ts";

/** A mount, as a command asks for it. Descriptors: the log file if it has one, then what is kept. */
export interface MountOrder {
  /** For messages. */
  fsname: string;
  shownAt: string;
  uid?: number | undefined;
  gid?: number | undefined;
  debug: boolean;
  hasLog: boolean;
  hasKept: boolean;
  inInitialUserNamespace: boolean;
  overlayMounter?: number;
  /** What the program opens the tree by. */
  image: unknown;
}

/** What a session has to know of a tree that is not open yet. */
export interface TreeFacts {
  traits?: number;
  hasHoles?: boolean;
}

/** Of a command. */
export type ClientMessage =
  | { open: MountOrder }
  /** With the device. */
  | { device: true }
  /** The mount is complete; the device number, "MAJOR:MINOR", of what users see. */
  | { complete: string };

/** To a command. */
export type ClientReport = { opened: true } | { ready: true } | { error: ReportedError };

/** To the process that serves. */
export type ServerMessage = { mount: number } & (
  | { open: MountOrder }
  | { device: true }
  /** Serve on, instead of a process that died; with the device before the other descriptors. */
  | { take: MountOrder; facts: TreeFacts }
  | { drop: true }
);

/** Of the process that serves. */
export type MountReport = { mount: number } & (
  { opened: TreeFacts } | { ready: true } | { error: ReportedError } | { ended: true }
);

type Fields = Record<string, unknown>;

/** The report in a message of a process that parses untrusted images; undefined if it is none. */
export function mountReport(message: Fields): MountReport | undefined {
  const { mount, opened, ready, error, ended } = message;
  if (typeof mount !== "number") return undefined;
  if (ready === true) return { mount, ready };
  if (ended === true) return { mount, ended };
  if (isFields(opened)) return { mount, opened: factsOf(opened) };
  if (isFields(error)) return { mount, error: errorOf(error) };
  return undefined;
}

/** The message of a command; undefined if it is none. */
export function clientMessage(message: Fields): ClientMessage | undefined {
  const { open, device, complete } = message;
  if (device === true) return { device };
  if (typeof complete === "string" && /^\d+:\d+$/.test(complete)) return { complete };
  return isFields(open) && isOrder(open) ? { open: open as unknown as MountOrder } : undefined;
}

/** A report to a command; undefined if it is none. */
export function clientReport(message: Fields): ClientReport | undefined {
  const { opened, ready, error } = message;
  if (opened === true) return { opened };
  if (ready === true) return { ready };
  return isFields(error) ? { error: errorOf(error) } : undefined;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}

function isOrder({ fsname, shownAt, debug, hasLog, hasKept }: Fields): boolean {
  const flags = [debug, hasLog, hasKept].every((flag) => typeof flag === "boolean");
  return typeof fsname === "string" && typeof shownAt === "string" && flags;
}

function factsOf({ traits, hasHoles }: Fields): TreeFacts {
  return {
    ...(typeof traits === "number" && { traits }),
    ...(typeof hasHoles === "boolean" && { hasHoles }),
  };
}

function errorOf({ name, message, code, kind }: Fields): ReportedError {
  return {
    name: typeof name === "string" ? name : "Error",
    message: typeof message === "string" ? message : "no reason is known",
    ...(typeof code === "string" && { code }),
    ...(typeof kind === "string" && { kind }),
  };
}
