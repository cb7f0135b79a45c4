import { hasCode, isSystemError, reasonOf } from "@puzzlefs/linux";

/**
 * Kinds of errors. "absent": no such layout or tag, or none for the platform. "missing": no such blob.
 * "foreign": an image, or something else, of another tool. "corrupt": bytes that break the OCI layout or
 * do not match their digest. "unsupported": a layout newer than this reader, or of a kind that it does not know.
 * "refused": a request that would make a bad layout. "failed": the system failed to read or write it.
 */
export type LayoutFailure = "absent" | "missing" | "foreign" | "corrupt" | "unsupported" | "refused" | "failed";

/** A problem with an OCI layout; the message names the file, the tag or the blob. */
export class LayoutError extends Error {
  override readonly name = "LayoutError";
  readonly kind: LayoutFailure;
  /** The file concerned. */
  readonly path: string;

  constructor(kind: LayoutFailure, path: string, message: string, cause?: unknown) {
    super(`${path}: ${message}`, cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.path = path;
  }
}

/**
 * Turns an error of a system call on something in the layout at `path`, or on the way to it, into a LayoutError; returns
 * all others as they are. Names of temporary files mean nothing to users.
 */
export function systemFailure(error: unknown, path: string, doing: string): unknown {
  if (!isSystemError(error)) return error;
  const { path: exact = path } = error;
  const isShown = exact !== "/" && !exact.includes("/.puzzlefs-tmp-");
  const kind = hasCode(error, "ENOENT") ? "absent" : "failed";
  return new LayoutError(kind, isShown ? exact : path, `cannot ${doing}: ${reasonOf(error)}`, error);
}
