/** Kinds of errors that containerd distinguishes; each is a status code of gRPC. */
export type SnapshotFailure = "notFound" | "alreadyExists" | "invalid" | "precondition";

/** A request that cannot be served; the message names the snapshot or the image. */
export class SnapshotError extends Error {
  override readonly name = "SnapshotError";
  readonly kind: SnapshotFailure;

  constructor(kind: SnapshotFailure, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
  }
}
