/** The reason of a refusal: the bytes break a rule, or they are newer than this reader. */
export type FailureKind = "corrupt" | "unsupported";

/**
 * Bytes of an image that break a rule of the format.
 *
 * `rule` is one of the identifiers of schema/rules.ts, `inode` the inode number concerned (0 if there is none),
 * `offset` the byte offset inside `object`: a blob's digest or a file name, set by the caller that opened it.
 */
export class FormatError extends Error {
  override readonly name = "FormatError";
  readonly rule: string;
  readonly kind: FailureKind;
  readonly inode: number;
  readonly offset: number;
  readonly object: string;

  constructor(rule: string, kind: FailureKind, inode: number, offset: number, object = "") {
    const where = [object, inode === 0 ? "" : `inode ${inode}`, `offset ${offset}`].filter((part) => part !== "");
    super(`${kind} image: ${rule} (${where.join(", ")})`);
    this.rule = rule;
    this.kind = kind;
    this.inode = inode;
    this.offset = offset;
    this.object = object;
  }

  /** The same failure with the name of the object, which the reader of the bytes does not know. */
  in(object: string): FormatError {
    return new FormatError(this.rule, this.kind, this.inode, this.offset, object);
  }
}
