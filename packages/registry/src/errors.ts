/**
 * Kinds of errors. "reference": not a name of an image in a registry. "configuration": a file of the configuration or of
 * credentials, or a credential helper. "blocked": registries.conf or hosts.toml forbids it. "denied": 401 or 403. "absent": no
 * such manifest or repository. "missing": no such blob. "refused": the registry does not accept what was sent.
 * "limited": 429 until the last attempt. "unreachable": no connection, or a broken or stalled one, until the last attempt. "tls": the
 * certificate was refused. "failed": 5xx until the last attempt. "corrupt": bytes that do not have their digest or size.
 * "protocol": an answer that no registry may give, or larger than its limit.
 */
export type RegistryFailure =
  | "reference"
  | "configuration"
  | "blocked"
  | "denied"
  | "absent"
  | "missing"
  | "refused"
  | "limited"
  | "unreachable"
  | "tls"
  | "failed"
  | "corrupt"
  | "protocol";

/** An error that a registry reports: `code` is one of the distribution specification, such as MANIFEST_BLOB_UNKNOWN. */
export interface ReportedError {
  code: string;
  message: string;
}

interface ErrorDetails {
  status?: number | undefined;
  reported?: readonly ReportedError[];
  retryAfter?: number | undefined;
  isTransient?: boolean;
  cause?: unknown;
}

/** A failure to talk to a registry. The message names the object and the host, and has no secrets: no query, no user. */
export class RegistryError extends Error {
  override readonly name = "RegistryError";
  readonly kind: RegistryFailure;
  /** The HTTP status, if there was an answer. */
  readonly status: number | undefined;
  readonly reported: readonly ReportedError[];
  /** Milliseconds that the registry asks the client to wait. */
  readonly retryAfter: number | undefined;
  /** Whether another attempt may succeed. */
  readonly isTransient: boolean;

  constructor(kind: RegistryFailure, message: string, more: ErrorDetails = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.kind = kind;
    this.status = more.status;
    this.reported = more.reported ?? [];
    this.retryAfter = more.retryAfter;
    this.isTransient = more.isTransient ?? (kind === "limited" || kind === "failed" || kind === "unreachable");
  }

  /** Whether the registry reported this code. */
  has(code: string): boolean {
    return this.reported.some((error) => error.code === code);
  }
}
