/**
 * Why a layer is refused. "corrupt": no correct program writes it. "unsupported": tar has it, an image cannot, or this reader does not know
 * it. "limit": it is larger than the caller permits.
 */
export type LayerFailure = "corrupt" | "unsupported" | "limit";

/** A layer of an ordinary image that cannot be converted. The message begins with the digest and the byte. */
export class LayerError extends Error {
  override readonly name = "LayerError";
  readonly kind: LayerFailure;
  /** Hex sha256 of the blob. */
  readonly digest: string;
  /** Byte of the uncompressed archive, that of the header of the member if there is one. */
  readonly offset: number;

  constructor(kind: LayerFailure, digest: string, offset: number, problem: string, cause?: unknown) {
    super(`layer sha256:${digest}, byte ${offset}: ${problem}`, cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.digest = digest;
    this.offset = offset;
  }
}

/** A problem at a byte of an archive whose name the caller knows. */
export class ArchiveError extends Error {
  override readonly name = "ArchiveError";
  readonly kind: LayerFailure;
  readonly offset: number;

  constructor(kind: LayerFailure, offset: number, problem: string) {
    super(problem);
    this.kind = kind;
    this.offset = offset;
  }
}
