/** The kind of a failure to read the bytes that a digest names. */
export type IntegrityReason =
  "missing" | "short" | "unreadable" | "digest" | "verity" | "frame" | "size" | "unverifiable";

const explanations: Record<IntegrityReason, string> = {
  missing: "is missing from the store",
  short: "ends early: it was truncated after it was opened",
  unreadable: "cannot be read",
  digest: "does not have the sha256 it is named by",
  verity: "does not have the fs-verity digest that is demanded",
  size: "does not have the size that the manifest records",
  unverifiable: "is too large to be verified in one piece, at most 16 MiB",
  frame: "holds a zstd frame that does not decompress to its recorded size",
};

/**
 * A blob that does not have the digest or the form that the image records. `blob` is its name (`blob sha256:…`), `detail` names the part
 * or what the operating system answered.
 */
export class IntegrityError extends Error {
  override readonly name = "IntegrityError";
  readonly blob: string;
  readonly reason: IntegrityReason;

  constructor(blob: string, reason: IntegrityReason, detail = "", cause?: unknown) {
    super(`${blob} ${explanations[reason]}${detail === "" ? "" : ` (${detail})`}`, { cause });
    this.blob = blob;
    this.reason = reason;
  }
}

/** Results of path resolution inside a tree, as errno names. */
export type PathErrorCode = "ENOENT" | "ENOTDIR" | "EISDIR" | "ELOOP" | "EINVAL";

const pathMessages: Record<PathErrorCode, string> = {
  ENOENT: "no such file or directory in the image",
  ENOTDIR: "not a directory",
  EISDIR: "is a directory",
  ELOOP: "too many symbolic links",
  EINVAL: "not a regular file",
};

/** A path that does not lead where the caller wants inside a tree. `path` is escaped for printing. */
export class PathError extends Error {
  override readonly name = "PathError";
  readonly code: PathErrorCode;
  readonly path: string;

  constructor(code: PathErrorCode, path: string) {
    super(`${path}: ${pathMessages[code]}`);
    this.code = code;
    this.path = path;
  }
}
