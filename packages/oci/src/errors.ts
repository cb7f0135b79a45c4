/**
 * What is wrong with a layout. "absent": no such layout, tag or blob. "corrupt": bytes that break the OCI layout or
 * do not match their digest. "unsupported": a layout newer than this reader, or of a kind that it does not know.
 * "refused": a request that would make a bad layout.
 */
export type LayoutFailure = "absent" | "corrupt" | "unsupported" | "refused";

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
