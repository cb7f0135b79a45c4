/** The descriptor of a daemon's pipe to the process that started it. */
export const REPORT_DESCRIPTOR = 3;

/** What a daemon writes to that pipe, as JSON, before it lets go of its parent. */
export type DaemonReport = { mounted: true } | { error: ReportedError };

/** The descriptors of a server under supervision: its sockets to the supervisor, and the memory of the request. */
export const CONTROL_DESCRIPTOR = 3;
export const MEMORY_DESCRIPTOR = 4;

/** What such a server says about itself, a line of JSON each. */
export type ServerReport = { opened: true } | { ready: true } | { error: ReportedError };

/** An error as it crosses processes, where it would lose its class. */
export interface ReportedError {
  name: string;
  message: string;
  code?: string;
  /** Of errors that come in kinds, as LayoutError does. */
  kind?: string;
}

export function reportError(error: unknown): ReportedError {
  if (!(error instanceof Error)) return { name: "Error", message: String(error) };
  const code = "code" in error && typeof error.code === "string" ? { code: error.code } : {};
  const kind = "kind" in error && typeof error.kind === "string" ? { kind: error.kind } : {};
  return { name: error.name, message: error.message, ...code, ...kind };
}

/**
 * A daemon's own error, in the process that started it. `name` is that of the original ("FormatError",
 * "IntegrityError", "MountError"), so that callers can tell them apart.
 */
export class DaemonError extends Error {
  readonly code: string | undefined;
  readonly kind: string | undefined;

  constructor(reported: ReportedError) {
    super(reported.message);
    this.name = reported.name;
    this.code = reported.code;
    this.kind = reported.kind;
  }
}
